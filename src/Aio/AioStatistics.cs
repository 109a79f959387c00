using VhostNet.Aio.Faults;

namespace VhostNet.Aio;

/// <summary>Counters of one context.</summary>
public readonly record struct AioStatistics
{
    /// <summary>Passes of the loop.</summary>
    public long Polls { get; init; }

    /// <summary>System calls made to look at descriptors, with or without sleeping.</summary>
    public long Looks { get; init; }

    /// <summary>Those of them that were ready to sleep, each of which ended in a wake-up.</summary>
    public long Sleeps { get; init; }

    /// <summary>
    /// Calls of <see cref="AioContext.Notify"/>, and bottom halves that were scheduled (those on the way from another thread are not counted yet).
    /// </summary>
    public long Notifies { get; init; }

    /// <summary>System calls made to wake the home thread.</summary>
    public long NotifierWrites { get; init; }

    /// <summary>Notifies that needed no system call.</summary>
    public long NotifierWritesAvoided => Math.Max(0, Notifies - NotifierWrites);

    /// <summary>Times that the loop polled in user space before sleeping.</summary>
    public long Pollings { get; init; }

    /// <summary>Those of them that found something.</summary>
    public long PollingSuccesses { get; init; }

    /// <summary>Nanoseconds spent on them.</summary>
    public long PollingNs { get; init; }

    /// <summary>
    /// Times longer than a millisecond for which a polling loop did not come round to look at its handlers: it was held up by a callback, by a garbage
    /// collection, or because the kernel gave the processor to somebody else. Noticed while it polls, always or adaptively; a loop that sleeps looks at no
    /// clock.
    /// </summary>
    public long Gaps { get; init; }

    /// <summary>The longest of all times between two such looks, in nanoseconds.</summary>
    public long GapMaxNs { get; init; }

    /// <summary>Nanoseconds that callbacks took, estimated: <see cref="AioContext.TimedWeight"/>.</summary>
    public long BusyNs { get; init; }

    /// <summary>Bottom halves that were called.</summary>
    public long BottomHalves { get; init; }

    /// <summary>Handlers that were called.</summary>
    public long Handlers { get; init; }

    /// <summary>Timers that fired.</summary>
    public long Timers { get; init; }

    /// <summary>
    /// Handlers that were removed because their descriptor had been closed before; each is a mistake in the program. epoll does not tell, and counts none.
    /// </summary>
    public long HandlersLost { get; init; }

    /// <summary>Exceptions of callbacks that went to their owner: <see cref="IFaultOwner"/>.</summary>
    public long Faults { get; init; }
}
