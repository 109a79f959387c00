using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// What one queue did since its session began: plain longs, written under the ring's lock, read by anybody at any time (a reader may see a value that is a
/// burst old). Padded so that two queues' counters never share a cache line.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct VirtqueueCounters
{
    private readonly long _padding0;
    private readonly long _padding1;

    /// <summary>Chains given back to the guest.</summary>
    public long Chains;

    /// <summary>Chains given back unused because they were malformed.</summary>
    public long MalformedChains;

    /// <summary>Bursts completed.</summary>
    public long Bursts;

    /// <summary>Kicks received from the guest.</summary>
    public long Kicks;

    /// <summary>Calls sent to the guest.</summary>
    public long Calls;

    /// <summary>Calls that the guest did not want and that were not sent.</summary>
    public long CallsSuppressed;

    /// <summary>Looks at the avail ring that found nothing.</summary>
    public long EmptyPolls;

    /// <summary>Looks at the avail ring that found chains.</summary>
    public long Polls;

    /// <summary>
    /// Uses of the ring after it was disposed of, each of which did nothing. It stays 0: a ring is reached through <see cref="RingSlot"/> only, which no longer
    /// has it.
    /// </summary>
    public long UsesAfterDispose;

    /// <summary>How often the control thread did not get the ring's lock in time and asked the ring's thread instead.</summary>
    public long ControlRequests;

    /// <summary>Descriptors read, indirect ones and those of malformed chains included, and pieces of memory beyond one for each.</summary>
    public long Descriptors;

    /// <summary>Turns of a transmit queue that ended because their work budget was spent, not because the ring was empty.</summary>
    public long SpentTurns;

    /// <summary>Nanoseconds of its thread that the queue's turns took, estimated as <see cref="VhostNet.Aio.AioStatistics.BusyNs"/> is.</summary>
    public long BusyNs;

    /// <summary>A state, no count: chains that waited when the ring was last looked at, those that were taken then among them.</summary>
    public long Waiting;

    /// <summary>How often the ring was broken by too many malformed chains in a row.</summary>
    public long BrokenByMalformed;
}
