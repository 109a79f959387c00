using System.Runtime.InteropServices;

namespace VhostNet.Aio;

/// <summary>
/// What the home thread writes in each pass, on cache lines of its own: the rest of the context is mostly read, also by threads that schedule, and must not
/// travel with them.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct HomeState
{
    /// <summary>Passes.</summary>
    [FieldOffset(64)]
    public long Polls;

    /// <summary>System calls made to look at descriptors.</summary>
    [FieldOffset(72)]
    public long Waits;

    /// <summary>Those that might sleep.</summary>
    [FieldOffset(80)]
    public long Sleeps;

    /// <summary>Notifies that were accepted.</summary>
    [FieldOffset(88)]
    public long Notifies;

    /// <summary>Pollings in user space.</summary>
    [FieldOffset(96)]
    public long Pollings;

    /// <summary>Those that found something.</summary>
    [FieldOffset(104)]
    public long PollingSuccesses;

    /// <summary>Nanoseconds that they took.</summary>
    [FieldOffset(112)]
    public long PollingNs;

    /// <summary>Passes since the last look at the kernel.</summary>
    [FieldOffset(120)]
    public byte KernelSilence;

    /// <summary>An <see cref="AioActivity"/>: what the thread is doing. Written with plain stores; whoever watches from outside looks again later.</summary>
    [FieldOffset(121)]
    public byte Activity;

    /// <summary>The monitor reported the notifier since the last accept.</summary>
    [FieldOffset(124)]
    public bool NotifierReadable;

    /// <summary>Handlers are in poll mode.</summary>
    [FieldOffset(125)]
    public bool PollStarted;

    /// <summary>Passes since the last look at the clock, each of which found something at its first look.</summary>
    [FieldOffset(126)]
    public byte FoundAtOnce;

    /// <summary>How many of them there may be.</summary>
    [FieldOffset(127)]
    public byte FoundAtOnceMax;

    /// <summary>When the thread looked last, of those times that it read the clock.</summary>
    [FieldOffset(128)]
    public long LookedNs;

    /// <summary>In which pass that was.</summary>
    [FieldOffset(136)]
    public long LookedPoll;

    /// <summary>Gaps.</summary>
    [FieldOffset(144)]
    public long Gaps;

    /// <summary>The longest time between two looks.</summary>
    [FieldOffset(152)]
    public long GapMaxNs;

    /// <summary>Nanoseconds that callbacks took, estimated.</summary>
    [FieldOffset(160)]
    public long BusyNs;

    /// <summary>For how many passes the present one stands in <see cref="BusyNs"/>; 0 while its time is not taken.</summary>
    [FieldOffset(168)]
    public int TimedWeight;
}
