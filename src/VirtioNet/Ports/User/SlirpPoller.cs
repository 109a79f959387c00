using VhostNet.Aio;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// The descriptors that the library wants watched. It names all of them anew in every round; what differs from the last round is changed in an epoll instance
/// that the event loop watches, without garbage. Home thread of the context only, but for <see cref="Dispose"/>.
/// </summary>
internal sealed class SlirpPoller : IDisposable
{
    private readonly AioContext _context;
    private readonly FileDescriptor _epoll;
    private pollfd[] _polled = new pollfd[16];
    private int _count;

    // By descriptor: what epoll was told, and the round in which the library asked for it.
    private readonly Action _ready;
    private Traits[] _traits = new Traits[64];
    private uint[] _told = new uint[64];
    private int[] _askedIn = new int[64];
    private int _highest = -1;
    private int _round;
    private bool _heldListener;

    /// <summary>Creates a poller.</summary>
    /// <param name="context">Where <paramref name="ready"/> runs.</param>
    /// <param name="ready">Called when a descriptor is ready.</param>
    public SlirpPoller(AioContext context, Action ready)
    {
        _context = context;
        _ready = ready;
        _epoll = FileDescriptor.FromResult(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        context.SetFdHandler(_epoll.Value, ready);
    }

    /// <summary>What a descriptor was seen to be.</summary>
    [Flags]
    private enum Traits : byte
    {
        None = 0,

        /// <summary>Looked at, and made non-blocking.</summary>
        Known = 1,

        /// <summary>It listens.</summary>
        Listener = 2,

        /// <summary>Its data were asked for: a connection stands.</summary>
        WasRead = 4,
    }

    /// <summary>While set, listeners are named but not watched: connections of the outside stay in their queue.</summary>
    public bool HoldsListeners { get; set; }

    /// <summary>True when the last list had a listener that was not watched.</summary>
    public bool HeldListener => _heldListener;

    /// <summary>Stops watching for a while.</summary>
    public void Pause() => _context.SetFdHandler(_epoll.Value, null);

    /// <summary>Watches again, and knows nothing of any descriptor.</summary>
    public void Resume()
    {
        Begin();
        End();
        Array.Clear(_traits);
        _context.SetFdHandler(_epoll.Value, _ready);
    }

    /// <summary>Starts a new list.</summary>
    public void Begin()
    {
        _heldListener = false;
        _count = 0;
        _round++;
    }

    /// <summary>Adds a descriptor to the list. The bits of POLLIN and its like are those of epoll as well.</summary>
    /// <returns>Its place in the list.</returns>
    public int Add(int fd, short events)
    {
        if (_count == _polled.Length)
        {
            Array.Resize(ref _polled, _count * 2);
        }

        EnsureRoom(fd);
        Traits traits = _traits[fd] != Traits.None ? _traits[fd] : LookAt(fd);
        if ((traits & Traits.Listener) != 0 && HoldsListeners)
        {
            _heldListener = true;
            events = 0;
        }

        _traits[fd] = traits | ((events & POLLIN) != 0 ? Traits.WasRead : Traits.None);
        _polled[_count] = new pollfd { fd = fd, events = events };
        _askedIn[fd] = _round;
        uint wanted = (uint)(ushort)events;
        if (wanted == 0)
        {
            Unwatch(fd);
        }
        else if (_told[fd] != wanted)
        {
            Tell(fd, wanted);
        }

        return _count++;
    }

    /// <summary>Ends the list: what was not added is no longer watched.</summary>
    public void End()
    {
        int highest = -1;
        for (int fd = 0; fd <= _highest; fd++)
        {
            if (_told[fd] != 0 && _askedIn[fd] != _round)
            {
                Unwatch(fd);
            }

            highest = _told[fd] != 0 ? fd : highest;
        }

        _highest = highest;
    }

    /// <summary>A descriptor is about to be closed, or was made anew with an old number.</summary>
    public void Forget(int fd)
    {
        Unwatch(fd);
        if ((uint)fd < (uint)_traits.Length)
        {
            _traits[fd] = Traits.None;
        }
    }

    private void Unwatch(int fd)
    {
        if ((uint)fd < (uint)_told.Length && _told[fd] != 0)
        {
            _told[fd] = 0;

            // It fails when the descriptor was closed before, and then epoll has forgotten it by itself.
            _ = epoll_ctl(_epoll.Value, EPOLL_CTL_DEL, fd, 0, 0);
        }
    }

    /// <summary>Asks the kernel about the whole list.</summary>
    /// <returns>False when that failed.</returns>
    public bool Poll() => _count == 0 || poll(_polled.AsSpan(0, _count), 0) >= 0;

    /// <summary>What <see cref="Poll"/> found for a place of the list.</summary>
    public short Found(int index)
    {
        if ((uint)index >= (uint)_count)
        {
            return 0;
        }

        pollfd polled = _polled[index];
        if ((polled.revents & (POLLERR | POLLHUP)) != 0 && (polled.events & POLLIN) == 0 && (_traits[polled.fd] & Traits.WasRead) != 0)
        {
            // The library would read from a connection whose data it has no room for, and end the process (socket.c: assert(buf_len != 0)). Writing finds the
            // error just as well.
            return (short)(polled.events & POLLOUT);
        }

        return polled.revents;
    }

    /// <summary>Whether a place of the list is a listener with a connection to take.</summary>
    public bool IsReadyListener(int index) =>
        (uint)index < (uint)_count && (_polled[index].revents & POLLIN) != 0 && (_traits[_polled[index].fd] & Traits.Listener) != 0;

    /// <summary>Stops watching. The context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _context.RunOnHomeThread(() => _context.SetFdHandler(_epoll.Value, null));
        _epoll.Dispose();
    }

    /// <summary>
    /// A descriptor that was not named before. The library leaves its datagram sockets and its listeners blocking, so that sendto(2) waits for a full device
    /// and recvfrom(2) for a datagram that was thrown away after poll(2) had seen it; none of them may wait here.
    /// </summary>
    private static Traits LookAt(int fd)
    {
        MakeNonBlocking(fd);
        bool listens = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, out int listening) == 0 && listening != 0;
        return Traits.Known | (listens ? Traits.Listener : Traits.None);
    }

    /// <summary>Sets O_NONBLOCK; a socket has no other flag that would be lost.</summary>
    public static void MakeNonBlocking(int fd) => _ = fcntl(fd, F_SETFL, O_NONBLOCK);

    private void Tell(int fd, uint wanted)
    {
        int operation = _told[fd] == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        int result = epoll_ctl(_epoll.Value, operation, fd, wanted, (ulong)fd);
        if (result < 0 && errno is ENOENT or EEXIST)
        {
            // The number belongs to another file than last time.
            result = epoll_ctl(_epoll.Value, operation == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, wanted, (ulong)fd);
        }

        // What can't be watched (a descriptor that was closed at this moment) is asked about again in the next round.
        _told[fd] = result < 0 ? 0 : wanted;
        _highest = Math.Max(_highest, fd);
    }

    private void EnsureRoom(int fd)
    {
        if (fd >= _told.Length)
        {
            int size = Math.Max(fd + 1, _told.Length * 2);
            Array.Resize(ref _told, size);
            Array.Resize(ref _askedIn, size);
            Array.Resize(ref _traits, size);
        }
    }
}
