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

    /// <summary>Makes one.</summary>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public EventNotifier()
    {
        _fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
        _own = true;
        Fd = _fd.Value;
    }

    /// <summary>Takes ownership of an eventfd that somebody else made, and makes it non-blocking.</summary>
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
    /// Takes ownership of an eventfd of a stranger, who can make a write to it wait at any moment. On the home thread of a context that many depend on it is set
    /// without a write, see <see cref="EventFdSignal"/>.
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

    /// <summary>What identifies it in a context: the descriptor, or a negative number of its own.</summary>
    internal int Key => _event is null ? Fd : PortableKey;

    /// <summary>What a portable one is waited for with.</summary>
    internal WaitHandle? WaitHandle => _event;

    private int PortableKey { get; }

    /// <summary>Called once, on the watchdog's thread, when a thread was found to wait in <see cref="Set"/>. Set it before the first one; it only schedules.</summary>
    public Action<EventNotifier>? Stuck { get; set; }

    /// <summary>Makes one without a descriptor, for a context of <see cref="FdMonitorKind.WaitHandles"/>.</summary>
    public static EventNotifier CreatePortable() => new(new ManualResetEvent(initialState: false));

    /// <summary>Sets it: one system call. After <see cref="Dispose"/> it does nothing.</summary>
    public void Set()
    {
        if (_event is not null)
        {
            SetPortable(_event);
            return;
        }

        // The reference keeps the number from being closed, and used for another file, during the call.
        bool referenced = false;
        try
        {
            _fd!.DangerousAddRef(ref referenced);
            if (_own)
            {
                _ = eventfd_write(Fd, 1);
                return;
            }

            if (_neverWaits is { IsHomeThread: true })
            {
                EventFdSignal.Set(_fd);
                return;
            }

            // A full counter (EAGAIN) is as good as a set one. Any other error means that the other side's file is of a wrong kind, which is that side's loss.
            while (write(Fd, 1UL) < 0 && errno == EINTR)
            {
            }
        }
        catch (ObjectDisposedException)
        {
            // Setting a notifier while its owner closes it is a race that neither side can avoid.
        }
        finally
        {
            if (referenced)
            {
                _fd!.DangerousRelease();
            }
        }
    }

    /// <summary>Clears it: one system call.</summary>
    /// <returns>Whether it was set; false after <see cref="Dispose"/>.</returns>
    public bool TestAndClear()
    {
        if (_event is not null)
        {
            return TestAndClearPortable(_event);
        }

        if (_fd!.IsClosed)
        {
            return false;
        }

        if (_own)
        {
            return eventfd_read(Fd, out _) == 0;
        }

        // The other side shares the open file and could make it block.
        nint n;
        do
        {
            n = read_nowait(Fd, out _);
        }
        while (n < 0 && errno == EINTR);
        return n > 0 || (n < 0 && errno == EOPNOTSUPP && read(Fd, out ulong _) > 0);
    }

    /// <summary>Closes the descriptor. Remove it from every context before.</summary>
    public void Dispose()
    {
        _fd?.Dispose();
        _event?.Dispose();
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
