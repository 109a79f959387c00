using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Handover;

/// <summary>What a process otherwise gets from whoever started it, and one that takes over from the process before it.</summary>
internal static class Inheritance
{
    /// <summary>The way to the service manager: the old process's, as its successor is the same service.</summary>
    public static ServiceNotifier Notifier(Predecessor? predecessor) => predecessor is null
        ? ServiceNotifier.FromEnvironment()
        : ServiceNotifier.Inherit(
            predecessor.State.Manager?.Socket,
            predecessor.State.Manager is { WatchdogMicroseconds: > 0 } manager ? TimeSpan.FromMicroseconds(manager.WatchdogMicroseconds) : null);

    /// <summary>The sockets that listen.</summary>
    public static SocketActivation Sockets(Predecessor? predecessor) => predecessor is null
        ? SocketActivation.FromEnvironment()
        : SocketActivation.Of(predecessor.State.Sockets.Select(s => Socket(predecessor, s)));

    // What the old process bound itself is taken by its place only: this one's configuration may name another. A service manager's also has a name.
    private static InheritedSocket Socket(Predecessor predecessor, SocketRecord socket) =>
        new(predecessor.Descriptors.Duplicate(socket.Descriptor), socket.IsOurs ? string.Empty : socket.Name, socket.Path)
        {
            IsOurs = socket.IsOurs,
        };
}
