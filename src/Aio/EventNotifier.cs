namespace VhostNet.Aio;

/// <summary>
/// A flag that one thread or process sets and another waits for: an eventfd. <see cref="Set"/> and <see cref="TestAndClear"/> may be called by any thread.
/// </summary>
public sealed class EventNotifier : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly bool _own;

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

    /// <summary>The descriptor; it becomes readable when the notifier is set.</summary>
    public int Fd { get; }

    /// <summary>Sets it: one system call. After <see cref="Dispose"/> it does nothing.</summary>
    public void Set()
    {
        // The reference keeps the number from being closed, and used for another file, during the call.
        bool referenced = false;
        try
        {
            _fd.DangerousAddRef(ref referenced);
            if (_own)
            {
                _ = eventfd_write(Fd, 1);
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
                _fd.DangerousRelease();
            }
        }
    }

    /// <summary>Clears it: one system call.</summary>
    /// <returns>Whether it was set; false after <see cref="Dispose"/>.</returns>
    public bool TestAndClear()
    {
        if (_fd.IsClosed)
        {
            return false;
        }

        if (_own)
        {
            return eventfd_read(Fd, out _) == 0;
        }

        nint n;
        do
        {
            n = read(Fd, out ulong _);
        }
        while (n < 0 && errno == EINTR);
        return n > 0;
    }

    /// <summary>Closes the descriptor. Remove it from every context before.</summary>
    public void Dispose() => _fd.Dispose();
}
