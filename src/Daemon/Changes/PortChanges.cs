using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of ports: what a request means for the present configuration, checked like the configuration file. Pure; any thread.</summary>
internal static class PortChanges
{
    /// <summary>A port shall be as the request says: a new one, or one that runs with other values of the keys that can change.</summary>
    /// <exception cref="ConfigException">The request is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Put(DaemonOptions now, string name, JsonElement body)
    {
        string path = PathOf(name);
        JsonElement named = LiveDocument.Named(body, name, path);
        if (now.Ports.FirstOrDefault(p => p.Name == name) is { } before)
        {
            return Change(now, before, named);
        }

        PortOptions port = PortReader.Read(ConfigSection.At(named, path));
        RefuseDescriptors(named, path);
        DaemonOptions after = LiveChange.Checked(now with { Ports = [.. now.Ports, port] });
        return new LiveChange(composition => composition.AddPort(port, after), new ConfigEdit("ports", name, named)) { IsAddition = true };
    }

    /// <summary>Some keys of a port shall have other values, or null for none.</summary>
    /// <exception cref="ConfigException">The request is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Patch(DaemonOptions now, string name, JsonElement patch)
    {
        PortOptions before = Find(now, name);
        LiveDocument.CheckSame(patch, "name", name, PathOf(name));
        return Change(now, before, LiveDocument.Merge(SourceOf(before), patch));
    }

    /// <summary>A port shall be gone.</summary>
    /// <exception cref="RefusalException">There is none, or a mirror needs it.</exception>
    public static LiveChange Delete(DaemonOptions now, string name)
    {
        PortOptions port = Find(now, name);
        foreach (NetworkOptions network in now.Networks.Where(n => n.Mirror is { } m && (m.Target == name || m.From?.Contains(name) == true || m.To?.Contains(name) == true)))
        {
            throw new RefusalException(
                RefusalKind.Conflict, $"port {name} is part of the mirror of switch {network.Name}; end that first with PATCH /networks/{network.Name} {{\"mirror\": null}}");
        }

        DaemonOptions after = LiveChange.Checked(now with { Ports = [.. now.Ports.Where(p => p != port)] });
        return new LiveChange(composition => composition.RemovePort(name, after), new ConfigEdit("ports", name, null));
    }

    private static LiveChange Change(DaemonOptions now, PortOptions before, JsonElement json)
    {
        string path = PathOf(before.Name);
        JsonElement source = SourceOf(before);
        if (!before.IsFromCommandLine)
        {
            // Reads every key, and so refuses unknown ones and impossible values.
            PortReader.Read(ConfigSection.At(json, path));
        }

        LiveDocument.CheckFixed(source, json, PortReader.LiveKeys, path, $"/ports/{before.Name}");
        PortOptions port = PortReader.ReadLive(ConfigSection.At(json, path), before) with { Source = json };
        if (LiveDocument.SameValue(source, json, "switch"))
        {
            port = port with { Switch = before.Switch };
        }

        DaemonOptions after = LiveChange.Checked(now with { Ports = [.. now.Ports.Select(p => p == before ? port : p)] });
        return new LiveChange(composition => composition.ChangePort(port, after), new ConfigEdit("ports", before.Name, json));
    }

    private static JsonElement SourceOf(PortOptions port) => port.Source ?? LiveDocument.Minimal(("name", port.Name), ("kind", port.Kind), ("network", port.Network));

    private static string PathOf(string name) => $"ports.{name}";

    private static PortOptions Find(DaemonOptions now, string name) => now.Ports.FirstOrDefault(p => p.Name == name) ?? throw Missing.Port(name, now.Ports.Select(p => p.Name));

    // A number would mean one of the daemon's own descriptors.
    private static void RefuseDescriptors(JsonElement body, string path)
    {
        string? key = LiveDocument.Find(body, "fds") is not null ? "fds" : LiveDocument.Find(body, "socket") is { } socket && LiveDocument.Find(socket, "fd") is not null ? "socket.fd" : null;
        if (key is not null)
        {
            throw new ConfigException($"{path}.{key}", "descriptors are inherited at the start only; name a path or an interface instead");
        }
    }
}
