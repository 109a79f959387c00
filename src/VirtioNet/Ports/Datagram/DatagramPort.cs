using System.Net;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.Datagram;

/// <summary>
/// Frames as datagrams, one in each, by UDP or between two Unix sockets: what QEMU's <c>-netdev dgram</c> does at the other end. The other end may come and go.
/// </summary>
public sealed class DatagramPort : Port
{
    private readonly FileDescriptor _socket;
    private readonly MessageQueue _queue;
    private bool _isAbandoned;

    /// <summary>Opens the socket.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">The addresses.</param>
    /// <param name="context">Where frames are read; polled until the port is disposed.</param>
    /// <exception cref="PortException">The local address can't be had, or the two don't fit together.</exception>
    /// <param name="inherited">The socket as another process handed it over; null to open one.</param>
    /// <exception cref="InvalidDataException">What was handed over is no such socket.</exception>
    public DatagramPort(string name, DatagramOptions options, AioContext context, PortState? inherited = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        HoldTime = options.Hold;
        _socket = inherited is null ? Open(options) : inherited.RequireSockets($"datagram port {name}", options.Local.Family)[0];
        _queue = new MessageQueue(this, 0, _socket.Value, 0, false, context, Reconnect);
        if (inherited is null)
        {
            Connect();
        }
        else
        {
            Restore(inherited);
        }
    }

    /// <summary>The addresses.</summary>
    public DatagramOptions Options { get; }

    /// <inheritdoc/>
    public override string Kind => Options.Local.IsUnix ? "unix-dgram" : "udp";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.None;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        return _queue.Deliver(burst, frames, waiter);
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted) => _queue.Wake();

    /// <inheritdoc/>
    public override void GuestReplaced() => _queue.Flush();

    /// <inheritdoc/>
    public override void Hold() => _queue.Hold();

    /// <inheritdoc/>
    public override void LetGo() => _queue.LetGo();

    /// <inheritdoc/>
    public override PortState Save() => new() { Descriptors = [_socket.Duplicate()], Held = [.. _queue.HeldFrames] };

    /// <inheritdoc/>
    public override void Restore(PortState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _queue.Restore(state.Held);
    }

    /// <inheritdoc/>
    public override void Abandon() => _isAbandoned = true;

    /// <inheritdoc/>
    public override void Start() => _queue.Wake(start: true);

    /// <inheritdoc/>
    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        ingress.Add(_queue.IngressCounters);
        egress.Add(_queue.EgressCounters);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _queue.Dispose();
            _socket.Dispose();
            if (Options.Local.Path is { } path && !_isAbandoned)
            {
                _ = unlink(path);
            }
        }

        base.Dispose(disposing);
    }

    private static FileDescriptor Open(DatagramOptions options)
    {
        SocketEndpoint local = options.Local;
        string what = $"datagram port {local}-{options.Remote}";
        if (local.Family != options.Remote.Family)
        {
            throw new PortOptionsException($"{what}: both addresses must be of one kind, IPv4, IPv6 or unix");
        }

        if (options.Remote.EndPoint is IPEndPoint remote && (remote.Port == 0 || remote.Address.Equals(IPAddress.Any) || IsMulticast(remote.Address)))
        {
            throw new PortOptionsException($"{what}: the remote address must be that of one host, with a port");
        }

        FileDescriptor fd = SocketCalls.Open(local.Family, SOCK_DGRAM);
        try
        {
            // Before it is bound, so that no other's datagram is ever in its queue.
            if (options.Remote.EndPoint is IPEndPoint peer && PeerFilter.Attach(fd, peer) is not 0 and int refused)
            {
                throw new PortException($"{what}: the kernel takes no filter for the remote address: {new Errno(refused)}");
            }

            if (local.IsUnix)
            {
                SocketCalls.BindUnix(fd, local, SOCK_DGRAM, what);
            }
            else if (SocketCalls.Bind(fd, local.EndPoint) is not 0 and int error)
            {
                throw new PortException(error switch
                {
                    EADDRINUSE => $"{what}: {local} is in use by another program; choose another port",
                    EADDRNOTAVAIL => $"{what}: {local} is no address of this host",
                    EACCES => $"{what}: ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one than that of {local}",
                    _ => $"{what}: binding {local} failed: {new Errno(error)}",
                });
            }

            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    private static bool IsMulticast(IPAddress address) => address.IsIPv6Multicast || (address.GetAddressBytes() is { Length: 4 } bytes && bytes[0] is >= 224 and < 240);

    /// <summary>Connects, so that the kernel takes datagrams from the other end alone, and says when it has no room for more.</summary>
    private void Connect()
    {
        if (SocketCalls.Connect(_socket, Options.Remote.EndPoint) is not 0 and int error)
        {
            CountError(CallKind.Connect, new Errno(error));
        }
    }

    /// <summary>
    /// Connects anew: the other side was not there, or the route or this host's address changed. The first connect has chosen an address of this host for good,
    /// so that one is given up before, unless it was configured.
    /// </summary>
    private void Reconnect()
    {
        if (Options.Local.EndPoint is IPEndPoint local && (local.Address.Equals(IPAddress.Any) || local.Address.Equals(IPAddress.IPv6Any)))
        {
            _ = SocketCalls.Disconnect(_socket);
        }

        Connect();
    }
}
