using VhostNet.Aio;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Hosting;

/// <content>
/// What can change while frames flow. Each method is told the options as they are afterwards, and takes them over if it succeeds; if it throws, nothing has
/// changed.
/// Control thread.
/// </content>
internal sealed partial class Composition
{
    /// <summary>Adds a port and starts it.</summary>
    /// <exception cref="RefusalException">It can't be had.</exception>
    public void AddPort(PortOptions port, DaemonOptions after)
    {
        AddPort(port, after.Ports);
        Options = after;
    }

    /// <summary>Removes a port: a guest's session is ended, and frames that were on their way to it are dropped and counted.</summary>
    public void RemovePort(string name, DaemonOptions after)
    {
        PortEntry entry = _ports.First(p => p.Port.Name == name);
        _ports.Remove(entry);
        Publish();
        Captures.Forget(entry.Port);
        entry.Dispose();
        Options = after;
        _logger.PortRemoved(name);
    }

    /// <summary>Gives a port other limits, another place in its switch, or another network.</summary>
    /// <exception cref="RefusalException">The switch can't have it so.</exception>
    public void ChangePort(PortOptions port, DaemonOptions after)
    {
        PortEntry entry = _ports.First(p => p.Port.Name == port.Name);
        try
        {
            entry.Change(port, port.Network is null ? null : _networks.First(n => n.Name == port.Network));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new RefusalException(
                e is ArgumentException ? RefusalKind.Wrong : RefusalKind.Resource, $"ports.{port.Name}: {StartupFailures.Sentence(e.Message)}", e);
        }

        Options = after;
    }

    /// <summary>Adds a network, which has no ports yet.</summary>
    public void AddNetwork(NetworkOptions network, DaemonOptions after)
    {
        _networks.Add(NetworkFactory.Create(network, _control.Context));
        Options = after;
    }

    /// <summary>Removes a network that has no ports any more.</summary>
    public void RemoveNetwork(string name, DaemonOptions after)
    {
        Network network = _networks.First(n => n.Name == name);
        _networks.Remove(network);
        (network as IDisposable)?.Dispose();
        Options = after;
    }

    /// <summary>Sets or ends the mirror of a switch.</summary>
    public void SetMirror(NetworkOptions network, DaemonOptions after)
    {
        SetMirror(network);
        Options = after;
    }

    /// <summary>Changes how a thread waits for work.</summary>
    public void SetPoll(ThreadOptions thread, DaemonOptions after)
    {
        _threads.First(t => t.Name == thread.Name).SetPolicy(thread.Poll, PollMaxNs(thread));
        Options = after;
    }

    private static long PollMaxNs(ThreadOptions thread) => thread.PollMaxMicroseconds * 1000L ?? new IoThreadOptions().PollMaxNs;

    private void SetMirror(NetworkOptions network)
    {
        Port Find(string name) => _ports.First(p => p.Port.Name == name).Port;
        if (_networks.First(n => n.Name == network.Name) is SwitchNetwork place)
        {
            MirrorOptions? mirror = network.Mirror;
            place.SetMirror(mirror is null
                ? null
                : new SwitchMirror(Find(mirror.Target), mirror.From?.Select(Find).ToList(), mirror.To?.Select(Find).ToList()));
        }
    }
}
