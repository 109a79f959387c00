namespace VhostNet.Aio;

/// <summary>
/// The callbacks of one descriptor. A change makes a new one and retires the old one, so that events found for the old one never reach the new callbacks.
/// </summary>
internal sealed class AioHandler(int fd, Action? read, Action? write, Func<bool>? poll, Action? pollReady)
{
    public int Fd { get; } = fd;

    public Action? Read { get; } = read;

    public Action? Write { get; } = write;

    /// <summary>Looks in user space whether there is something to do.</summary>
    public Func<bool>? Poll { get; } = pollReady is null ? null : poll;

    public Action? PollReady { get; } = pollReady;

    public Action? PollBegin { get; set; }

    public Action? PollEnd { get; set; }

    /// <summary>POLLIN and POLLOUT, as far as there are callbacks.</summary>
    public short Events { get; } = (short)((read is null ? 0 : POLLIN | POLLHUP | POLLERR) | (write is null ? 0 : POLLOUT | POLLERR));

    /// <summary>Index in the context's table.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Tells this handler from an earlier one in the same slot.</summary>
    public uint Generation { get; set; }

    /// <summary>Once set, no callback is called any more.</summary>
    public volatile bool IsDeleted;

    /// <summary>Events found and not yet dispatched. Home thread only.</summary>
    public short Revents { get; set; }

    /// <summary>The poll callback returned true. Home thread only.</summary>
    public bool IsPollReady { get; set; }

    /// <summary>It is linked into the ready list. Home thread only.</summary>
    public bool IsReady { get; set; }

    /// <summary>Next one of the ready list. Home thread only.</summary>
    public AioHandler? NextReady { get; set; }
}
