using System.Net.Sockets;
using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// Leads a guest's connections to the Unix servers of its forwards. libslirp connects to a <see cref="UnixRelay"/>, which never blocks; the connection to the
/// server is made here, without blocking, and put in the place of the library's descriptor. While a server's queue is full its connection is tried again for a
/// few seconds; the guest's first bytes wait meanwhile. Thread of the port.
/// </summary>
internal sealed class GuestForwarder : IDisposable
{
    private const long RetryMinNs = 10_000_000;
    private const long RetryMaxNs = 500_000_000;
    private const long PatienceNs = 10_000_000_000;

    /// <summary>Bytes of a send buffer while there is no server: the kernel's minimum, so that little has to be moved later.</summary>
    private const int SmallBuffer = 1;

    private readonly AioClock _clock;
    private readonly List<(GuestForward Forward, UnixRelay Relay)> _forwards = [];
    private readonly List<WaitingForward> _waiting = [];
    private readonly AioTimer _retry;
    private readonly Action<int> _replaced;
    private readonly UserPortUse _use;
    private readonly byte[] _early = new byte[65536];

    /// <summary>Makes a relay for each forward.</summary>
    /// <param name="forwards">Where to.</param>
    /// <param name="context">Where waiting connections are tried again.</param>
    /// <param name="clock">What the waiting is measured by.</param>
    /// <param name="use">Where refusals are counted.</param>
    /// <param name="replaced">Called when a descriptor has become another file's.</param>
    /// <exception cref="PortException">There is no place for a relay.</exception>
    public GuestForwarder(IReadOnlyList<GuestForward> forwards, AioContext context, AioClock clock, UserPortUse use, Action<int> replaced)
    {
        _clock = clock;
        _use = use;
        _replaced = replaced;
        _retry = context.CreateTimer(clock, Retry);
        try
        {
            foreach (GuestForward forward in forwards)
            {
                _forwards.Add((forward, new UnixRelay($"user networking: forward {forward}")));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Descriptors that the relays take.</summary>
    public int Descriptors => _forwards.Count * 2;

    /// <summary>The path that the library connects to in a server's stead.</summary>
    public string PathOf(GuestForward forward) => _forwards.Find(f => ReferenceEquals(f.Forward, forward)).Relay.ConnectPath;

    /// <summary>The library opened a descriptor; if it is connected to a relay it is led on to the server.</summary>
    public void Opened(int fd)
    {
        if (_forwards.Count == 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, out int family) < 0 || family != AF_UNIX)
        {
            return;
        }

        foreach ((GuestForward forward, UnixRelay relay) in _forwards)
        {
            if (relay.Accept() is { } end)
            {
                Lead(new WaitingForward(fd, end, forward, _clock.NowNs));
                return;
            }
        }
    }

    /// <summary>The library closes a descriptor: nothing is to be put in its place any more.</summary>
    public void Closed(int fd)
    {
        int index = _waiting.FindIndex(w => w.Fd == fd);
        if (index >= 0)
        {
            _waiting[index].End.Dispose();
            _waiting.RemoveAt(index);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _retry.Delete();
        _waiting.ForEach(w => w.End.Dispose());
        _waiting.Clear();
        _forwards.ForEach(f => f.Relay.Dispose());
        _forwards.Clear();
    }

    private void Lead(WaitingForward connection)
    {
        switch (TryReplace(connection))
        {
            case EAGAIN:
                _ = setsockopt(connection.Fd, SOL_SOCKET, SO_SNDBUF, SmallBuffer);
                _waiting.Add(connection);
                ArmRetry();
                break;
            case not 0:
                // The guest's connection ends at once, as if the server had closed it.
                connection.End.Dispose();
                _use.CountForwardRefused();
                break;
        }
    }

    private void Retry()
    {
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            WaitingForward connection = _waiting[i];
            int error = TryReplace(connection);
            if (error == EAGAIN && _clock.NowNs - connection.SinceNs < PatienceNs)
            {
                continue;
            }

            _waiting.RemoveAt(i);
            if (error != 0)
            {
                connection.End.Dispose();
                _use.CountForwardRefused();
            }
        }

        ArmRetry();
    }

    /// <summary>Waits longer the longer the youngest connection has waited.</summary>
    private void ArmRetry()
    {
        if (_waiting.Count > 0)
        {
            long now = _clock.NowNs;
            _retry.Modify(now + Math.Clamp(now - _waiting[^1].SinceNs, RetryMinNs, RetryMaxNs));
        }
    }

    /// <summary>Connects to the server and puts the connection in the place of the library's.</summary>
    /// <returns>0, EAGAIN while the server's queue is full, or why it can't be done.</returns>
    private int TryReplace(WaitingForward connection)
    {
        using var server = new FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (server.IsInvalid)
        {
            return errno;
        }

        if (!DescriptorReserve.Admits(server.Value))
        {
            _use.CountReserveRefused();
            return EMFILE;
        }

        int error = SocketCalls.Connect(server, new UnixDomainSocketEndPoint(connection.Forward.SocketPath));
        if (error == 0)
        {
            error = MoveEarly(connection.End, server);
        }

        if (error == 0 && dup3(server.Value, connection.Fd, O_CLOEXEC) < 0)
        {
            error = errno;
        }

        if (error == 0)
        {
            connection.End.Dispose();
            _replaced(connection.Fd);
        }

        return error;
    }

    /// <summary>Moves what the guest sent while there was no server, and its end if it came.</summary>
    private int MoveEarly(FileDescriptor from, FileDescriptor to)
    {
        while (true)
        {
            nint got = recv(from.Value, _early, MSG_DONTWAIT);
            if (got == 0)
            {
                return shutdown(to.Value, SHUT_WR) < 0 ? errno : 0;
            }

            if (got < 0)
            {
                return errno is EAGAIN ? 0 : errno;
            }

            // The server's socket is fresh and its buffer many times as large as the one that was waited with; what it does not take can't be put back.
            if (send(to.Value, _early.AsSpan(0, (int)got), MSG_NOSIGNAL | MSG_DONTWAIT) != got)
            {
                return ENOBUFS;
            }
        }
    }
}
