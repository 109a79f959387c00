using VhostNet.Aio.Faults;

namespace VhostNet.Aio.Monitors;

/// <summary>
/// The callbacks of one descriptor. A change makes a new one and retires the old one, so that events found for the old one never reach the new callbacks.
/// Unless marked otherwise, what can be set belongs to the home thread.
/// </summary>
internal sealed class AioHandler(int fd, Action? read, Action? write, Func<bool>? poll, Action? pollReady)
{
    /// <summary>Once set, no callback but <see cref="PollEnd"/> is called any more. Any thread.</summary>
    public volatile bool IsDeleted;

    /// <summary>Descriptor; negative for a notifier that has none.</summary>
    public int Fd { get; } = fd;

    public Action? Read { get; } = read;

    public Action? Write { get; } = write;

    /// <summary>Looks in user space whether there is something to do.</summary>
    public Func<bool>? Poll { get; } = pollReady is null ? null : poll;

    public Action? PollReady { get; } = pollReady;

    public Action? PollBegin { get; set; }

    public Action? PollEnd { get; set; }

    /// <summary>Who answers for the callbacks.</summary>
    public IFaultOwner? Owner { get; init; }

    /// <summary>What is waited for with wait handles.</summary>
    public WaitHandle? WaitHandle { get; init; }

    /// <summary>What is waited for with descriptors; 0 if the kernel need not watch it.</summary>
    public short Events { get; } = (short)((read is null ? 0 : POLLIN) | (write is null ? 0 : POLLOUT));

    /// <summary>Index in the context's table. Set once, under the handler lock.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Tells this handler from an earlier one in the same slot. Set once, under the handler lock.</summary>
    public uint Generation { get; set; }

    /// <summary>Slot and generation in one number, never 0: the monitors' user data.</summary>
    public ulong Token => ((ulong)Generation << 32) | (uint)Slot;

    /// <summary>The context's own notifier.</summary>
    public bool IsInternal { get; init; }

    /// <summary>Events found and not yet dispatched.</summary>
    public short Revents { get; set; }

    /// <summary>The poll callback returned true.</summary>
    public bool IsPollReady { get; set; }

    /// <summary>It is linked into the ready list.</summary>
    public bool IsReady { get; set; }

    /// <summary>Next one of the ready list.</summary>
    public AioHandler? NextReady { get; set; }

    /// <summary>It is polled in user space.</summary>
    public bool IsOnPollList { get; set; }

    /// <summary><see cref="PollBegin"/> was called and <see cref="PollEnd"/> is owed.</summary>
    public bool PollStarted { get; set; }

    /// <summary><see cref="PollReady"/> runs: a nested poll must not recurse into it.</summary>
    public bool InPollReady { get; set; }

    /// <summary>How long it is worth polling for this handler, in nanoseconds.</summary>
    public long PollNs { get; set; }

    /// <summary>Monotonic time since when it has not been ready; 0 if it just was.</summary>
    public long IdleSinceNs { get; set; }
}
