namespace VhostNet.Daemon.Configuration;

/// <summary>Checks what no single key shows: names that have to be unique or to exist, networks that take a certain number of ports.</summary>
internal static class OptionsValidator
{
    /// <summary>Checks a whole configuration.</summary>
    /// <exception cref="ConfigException">Something does not fit together.</exception>
    public static void Check(DaemonOptions options)
    {
        Unique("threads", options.Threads.Select(t => t.Name));
        Unique("networks", options.Networks.Select(n => n.Name));
        Unique("ports", options.Ports.Select(p => p.Name));
        if (options.Ports.Count == 0 && options.Control is null)
        {
            throw new ConfigException(
                "ports",
                "there is none, so there is nothing to do; add a port, for example {\"name\": \"guest\", \"kind\": \"vhost-user\", …}, " +
                "or \"control\": {\"path\": …} to add ports by");
        }

        CheckThreads(options);
        foreach (PortOptions port in options.Ports)
        {
            CheckReferences(options, port);
        }

        Unique("ports", options.Ports.Where(p => p.Socket is { IsClient: false, Path: not null }).Select(p => p.Socket!.Path!), "socket.path");
        Unique("ports", options.Ports.Where(p => p.Socket?.Fd is not null).Select(p => $"{p.Socket!.Fd}"), "socket.fd");
        foreach (NetworkOptions network in options.Networks)
        {
            CheckSize(network, options.Ports.Count(p => p.Network == network.Name));
            CheckMirror(network, [.. options.Ports.Where(p => p.Network == network.Name).Select(p => p.Name)]);
        }

        if (options.Debug.Stall && options.Control is null)
        {
            throw new ConfigException("debug.stall", "is of no use without a control socket; add \"control\": {\"path\": …}");
        }
    }

    private static void CheckThreads(DaemonOptions options)
    {
        foreach (ThreadOptions thread in options.Threads)
        {
            if (thread.Name == "control")
            {
                throw new ConfigException($"{thread.Path}.name", "\"control\" is the name of the daemon's own thread; choose another one");
            }

            if (thread.PollMaxMicroseconds is not null && thread.Poll != Aio.PollPolicy.Adaptive)
            {
                throw new ConfigException($"{thread.Path}.pollMaxMicroseconds", "applies to \"poll\": \"adaptive\" only; leave it out");
            }
        }
    }

    private static void CheckReferences(DaemonOptions options, PortOptions port)
    {
        if (port.Network is { } network && options.Networks.All(n => n.Name != network))
        {
            throw new ConfigException($"{port.Path}.network", Missing("network", network, options.Networks.Select(n => n.Name)));
        }

        if (port.Switch is not null && options.Networks.All(n => n.Name != port.Network || n.Kind != "switch"))
        {
            throw new ConfigException($"{port.Path}.switch", "applies to a port whose network is of \"kind\": \"switch\" only; leave it out");
        }

        foreach (string thread in port.Threads)
        {
            if (options.Threads.All(t => t.Name != thread))
            {
                throw new ConfigException($"{port.Path}.threads", Missing("thread", thread, options.Threads.Select(t => t.Name)));
            }
        }
    }

    private static string Missing(string what, string name, IEnumerable<string> names)
    {
        string[] known = [.. names];
        return known.Length == 0
            ? $"there is no {what} \"{name}\"; the configuration defines no {what} at all, add it to \"{what}s\""
            : $"there is no {what} \"{name}\"; {Suggestion.Clause(name, known)}";
    }

    private static void CheckSize(NetworkOptions network, int ports)
    {
        switch (network.Kind)
        {
            case "wire" when ports > 2:
                throw new ConfigException(network.Path, $"the wire \"{network.Name}\" has {ports} ports; a wire joins two, use \"kind\": \"switch\" for more");
            case "hairpin" when ports > 1:
                throw new ConfigException(
                    network.Path, $"the hairpin \"{network.Name}\" has {ports} ports; a hairpin takes one, use \"kind\": \"wire\" or \"switch\"");
            default:
                break;
        }
    }

    private static void CheckMirror(NetworkOptions network, string[] ports)
    {
        if (network.Mirror is not { } mirror)
        {
            return;
        }

        foreach (string name in new[] { mirror.Target }.Concat(mirror.From ?? []).Concat(mirror.To ?? []))
        {
            if (!ports.Contains(name))
            {
                throw new ConfigException(
                    $"{network.Path}.mirror",
                    $"the switch has no port \"{name}\"; {(ports.Length == 0 ? "it has none at all" : Suggestion.Clause(name, ports))}");
            }
        }
    }

    private static void Unique(string list, IEnumerable<string> names, string key = "name")
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (!seen.Add(name))
            {
                throw new ConfigException(list, $"two of them have \"{key}\" {name}; it has to be unique");
            }
        }
    }
}
