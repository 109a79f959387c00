namespace VhostNet.Aio;

/// <summary>
/// Adds one to an eventfd that somebody else shares without ever waiting. A write waits while the counter is full, unless the open file says O_NONBLOCK, which
/// is the other side's to clear between our look and our write. The end of an asynchronous read of nothing, however, is told to an eventfd (IOCB_FLAG_RESFD) by
/// the kernel's own eventfd_signal, which adds what fits and goes on. It takes about a microsecond, five times a write: for threads that must not wait at all.
/// Any thread.
/// </summary>
internal static unsafe class EventFdSignal
{
    private const int RequestsMax = 64;

    private static readonly Lock s_gate = new();
    private static readonly BackgroundThread s_writer = new("eventfd-writer", RequestsMax);

    private static nuint s_context;
    private static FileDescriptor? s_nothing;
    private static bool s_isUnavailable;

    /// <summary>Whether the kernel does it; else a thread of its own writes, which a hostile counter can hold up.</summary>
    public static bool IsDirect
    {
        get
        {
            lock (s_gate)
            {
                return TryPrepare();
            }
        }
    }

    /// <summary>Makes the next calls take the other way. For tests.</summary>
    internal static bool IsUnavailable
    {
        set
        {
            lock (s_gate)
            {
                s_isUnavailable = value;
            }
        }
    }

    /// <summary>Sets an eventfd.</summary>
    /// <param name="descriptor">The eventfd. Something else is left alone.</param>
    public static void Set(FileDescriptor descriptor)
    {
        lock (s_gate)
        {
            if (TryPrepare() && TrySignal(descriptor.Value))
            {
                return;
            }
        }

        bool referenced = false;
        descriptor.DangerousAddRef(ref referenced);
        if (!s_writer.TryPost(() => Write(descriptor)))
        {
            // The writer is held up and enough waits. Whoever waits for this one was not told; its ring tells it at its next burst.
            descriptor.DangerousRelease();
        }
    }

    /// <summary>Waits until the thread of the other way has written everything. For tests.</summary>
    internal static bool Drain(TimeSpan limit) => s_writer.Drain(limit);

    private static void Write(FileDescriptor descriptor)
    {
        _ = write(descriptor.Value, 1UL);
        descriptor.DangerousRelease();
    }

    // SAFETY: the context is a local that the kernel fills in.
    private static bool TryPrepare()
    {
        if (s_context != 0 || s_isUnavailable)
        {
            return !s_isUnavailable;
        }

        nuint context = 0;
        int nothing = memfd_create("eventfd-signal", MFD_CLOEXEC);
        if (nothing < 0 || io_setup(RequestsMax, &context) < 0)
        {
            // No descriptor may be left at the moment; any other reason stays, and asking again costs little where it is asked.
            _ = nothing < 0 ? 0 : close(nothing);
            return false;
        }

        s_nothing = new FileDescriptor(nothing);
        s_context = context;
        return true;
    }

    // SAFETY: request and events are locals that outlive the calls: a read of an empty memfd ends within io_submit. Its buffer has no bytes.
    private static bool TrySignal(int fd)
    {
        iocb request = new() { aio_lio_opcode = IOCB_CMD_PREAD, aio_fildes = (uint)s_nothing!.Value, aio_flags = IOCB_FLAG_RESFD, aio_resfd = (uint)fd };
        iocb* list = &request;
        int taken = io_submit(s_context, 1, &list);
        int error = taken < 0 ? errno : 0;
        io_event* events = stackalloc io_event[4];
        _ = io_getevents(s_context, 0, 4, events);
        return taken == 1 || error == EINVAL || error == EBADF;
    }
}
