using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <summary>
/// A flag that one thread or process sets and another waits for: an eventfd. <see cref="Set"/> and <see cref="TestAndClear"/> may be called by any thread.
/// </summary>
public sealed class EventNotifier : IDisposable
{
    private static int s_lastKey;

    private readonly FileDescriptor? _fd;
    private readonly ManualResetEvent? _event;
    private readonly bool _own;
    private readonly AioContext? _neverWaits;

    // One for the notifier itself and one for each call that is under way: whoever takes the last one off closes the descriptor. A handle's own count would not
    // do, since it lets nobody in who must still free a writer after Dispose.
    private int _users = 1;

    // Disposed of or muted: nobody sets it any more.
    private volatile bool _silent;
    private int _disposed;
    private int _stuck;

    /// <summary>Makes one.</summary>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public EventNotifier()
    {
        _fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
        _own = true;
        Fd = _fd.Value;
    }

    /// <summary>
    /// Takes ownership of an eventfd that somebody else made, and makes it non-blocking. The other side can take that back, so that each write of it is
    /// published for
    /// <see cref="NotifierWriteWatch"/>.
    /// </summary>
    /// <exception cref="ErrnoException">The descriptor is not open.</exception>
    public EventNotifier(FileDescriptor fd)
    {
        ArgumentNullException.ThrowIfNull(fd);
        _fd = fd;
        Fd = fd.Value;
        int flags = fcntl(Fd, F_GETFL);
        if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(Fd, F_SETFL, flags | O_NONBLOCK) < 0))
        {
            Errno.Last.Throw($"fcntl({Fd}, F_SETFL, O_NONBLOCK) on an event notifier");
        }
    }

    /// <summary>
    /// Takes ownership of an eventfd of a stranger, who can make a write to it wait at any moment. On the home thread of a context that many depend on it is
    /// set without a write, see <see cref="EventFdSignal"/>.
    /// </summary>
    /// <param name="fd">The eventfd.</param>
    /// <param name="control">The context whose thread must never wait for the stranger.</param>
    /// <exception cref="ErrnoException">The descriptor is not open.</exception>
    public EventNotifier(FileDescriptor fd, AioContext control)
        : this(fd) => _neverWaits = control;

    private EventNotifier(ManualResetEvent handle)
    {
        _event = handle;
        Fd = -1;
        PortableKey = Interlocked.Decrement(ref s_lastKey);
    }

    /// <summary>The descriptor; it becomes readable when the notifier is set. -1 for a portable one.</summary>
    public int Fd { get; }

    /// <summary>
    /// Called once, on the thread of a <see cref="NotifierWriteWatch"/>, when a thread was found stuck in the write of this notifier: the other side filled the
    /// counter and made the file blocking, which only an attacker does. The notifier is muted by then. The callback may only schedule: it must neither wait nor
    /// throw. Set it before the first
    /// <see cref="Set"/>; it stays after <see cref="Dispose"/>, as a thread may be stuck still.
    /// </summary>
    public Action<EventNotifier>? Stuck { get; set; }

    /// <summary>A thread was found stuck in a write of it; <see cref="Set"/> does nothing any more. Any thread.</summary>
    public bool IsMuted => Volatile.Read(ref _stuck) != 0;

    /// <summary>What identifies it in a context: the descriptor, or a negative number of its own.</summary>
    internal int Key => _event is null ? Fd : PortableKey;

    /// <summary>What a portable one is waited for with.</summary>
    internal WaitHandle? WaitHandle => _event;

    private int PortableKey { get; }

    /// <summary>Makes one without a descriptor, for a context of <see cref="FdMonitorKind.WaitHandles"/>.</summary>
    public static EventNotifier CreatePortable() => new(new ManualResetEvent(initialState: false));

    /// <summary>
    /// Sets it: one system call. After <see cref="Dispose"/>, or once it is muted, it does nothing. A stranger's notifier can make the call wait, until a
    /// <see cref="NotifierWriteWatch"/> looks for the second time.
    /// </summary>
    public void Set()
    {
        if (_event is not null)
        {
            SetPortable(_event);
            return;
        }

        // Setting a notifier while its owner closes it is a race that neither side can avoid. The use keeps the number from being closed, and used for another
        // file, meanwhile.
        if (_silent || !TryUse())
        {
            return;
        }

        if (_own)
        {
            _ = eventfd_write(Fd, 1);
        }
        else if (_neverWaits is { IsHomeThread: true })
        {
            EventFdSignal.Set(_fd!);
        }
        else
        {
            SetForeign();
        }

        EndUse();
    }

    /// <summary>Clears it: one system call.</summary>
    /// <returns>Whether it was set; false after <see cref="Dispose"/>.</returns>
    public bool TestAndClear()
    {
        if (_event is not null)
        {
            return TestAndClearPortable(_event);
        }

        if (Volatile.Read(ref _disposed) != 0 || !TryUse())
        {
            return false;
        }

        bool set = _own ? eventfd_read(Fd, out _) == 0 : TestAndClearForeign();
        EndUse();
        return set;
    }

    /// <summary>Closes the descriptor, as soon as no call uses it any more. Remove it from every context before.</summary>
    public void Dispose()
    {
        _silent = true;
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            EndUse();
        }
    }

    /// <summary>Keeps the descriptor open until <see cref="EndUse"/>, also when <see cref="Dispose"/> was called while another call uses it.</summary>
    /// <returns>False if it is closed.</returns>
    internal bool TryUse()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
            {
                return true;
            }

            users = seen;
        }

        return false;
    }

    /// <summary>Ends what <see cref="TryUse"/> began.</summary>
    internal void EndUse()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _fd?.Dispose();
            _event?.Dispose();
        }
    }

    /// <summary>The counter has no room: a write waits if the file is blocking. Between <see cref="TryUse"/> and <see cref="EndUse"/>.</summary>
    internal bool IsFull()
    {
        Span<pollfd> fds = [new pollfd { fd = Fd, events = POLLOUT }];
        return poll(fds, 0) >= 0 && (fds[0].revents & POLLOUT) == 0;
    }

    /// <summary>Reads the counter without waiting, whatever the file's flags say. Between <see cref="TryUse"/> and <see cref="EndUse"/>.</summary>
    internal void TakeNoWait() => _ = read_nowait(Fd, out _);

    /// <summary>Has every later <see cref="Set"/> do nothing.</summary>
    internal void Mute() => _silent = true;

    /// <summary>Tells the owner, once.</summary>
    internal void ReportStuck()
    {
        if (Interlocked.Exchange(ref _stuck, 1) == 0)
        {
            Stuck?.Invoke(this);
        }
    }

    private void SetForeign()
    {
        NotifierWriter writer = NotifierWriter.Current;
        writer.Begin(this);

        // A full counter (EAGAIN) is as good as a set one. Any other error means that the other side's file is of a wrong kind, which is that side's loss.
        while (write(Fd, 1UL) < 0 && errno == EINTR && !_silent)
        {
        }

        writer.End();
    }

    private bool TestAndClearForeign()
    {
        // The other side shares the open file and could make it block.
        nint n;
        do
        {
            n = read_nowait(Fd, out _);
        }
        while (n < 0 && errno == EINTR);
        return n > 0 || (n < 0 && errno == EOPNOTSUPP && read(Fd, out ulong _) > 0);
    }

    private static void SetPortable(ManualResetEvent handle)
    {
        try
        {
            handle.Set();
        }
        catch (ObjectDisposedException)
        {
            // As above.
        }
    }

    private static bool TestAndClearPortable(ManualResetEvent handle)
    {
        try
        {
            // A set between the two is swallowed, but its work was published before and is read after this returns true.
            return handle.WaitOne(0) && handle.Reset();
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }
}
