namespace VhostNet.VirtioNet.Ports.User;

/// <summary>What a <see cref="UserPort"/> keeps for its guest, and what it refused. Plain longs, written by the port's thread, read by any.</summary>
public sealed class UserPortUse
{
    private long _flows;
    private long _sockets;
    private long _flowsRefused;
    private long _reserveRefused;
    private long _loopbackRefused;
    private long _forwardsRefused;

    /// <summary>Flows now: TCP connections, UDP source ports, pings under way.</summary>
    public long Flows => Volatile.Read(ref _flows);

    /// <summary>Descriptors of the host that the port holds now, its listeners included.</summary>
    public long Sockets => Volatile.Read(ref _sockets);

    /// <summary>Frames that were dropped because a new flow would have exceeded <see cref="UserOptions.FlowsMax"/>, SocketsMax or FlowsPerSecond.</summary>
    public long FlowsRefused => Volatile.Read(ref _flowsRefused);

    /// <summary>New flows and connections that were refused because the process's reserve of descriptors was touched.</summary>
    public long ReserveRefused => Volatile.Read(ref _reserveRefused);

    /// <summary>Frames that tried the host's loopback although <see cref="UserOptions.HostLoopback"/> is off.</summary>
    public long LoopbackRefused => Volatile.Read(ref _loopbackRefused);

    /// <summary>Connections to a guest forward whose Unix server did not take them.</summary>
    public long ForwardsRefused => Volatile.Read(ref _forwardsRefused);

    internal void Set(long flows, long sockets)
    {
        Volatile.Write(ref _flows, flows);
        Volatile.Write(ref _sockets, sockets);
    }

    internal void CountRefused() => Volatile.Write(ref _flowsRefused, _flowsRefused + 1);

    internal void CountReserveRefused() => Volatile.Write(ref _reserveRefused, _reserveRefused + 1);

    internal void CountLoopbackRefused() => Volatile.Write(ref _loopbackRefused, _loopbackRefused + 1);

    internal void CountForwardRefused() => Volatile.Write(ref _forwardsRefused, _forwardsRefused + 1);
}
