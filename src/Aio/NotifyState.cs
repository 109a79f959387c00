using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;

namespace VhostNet.Aio;

/// <summary>What other threads write to a context, on cache lines of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal struct NotifyState
{
    /// <summary>
    /// Stack of the bottom halves that were scheduled, newest first. Nobody sleeps while it is not empty, so that only who fills it must look at the counter.
    /// </summary>
    [FieldOffset(64)]
    public BottomHalf? BottomHalves;

    /// <summary>How often somebody notified since the last accept. False positives are allowed.</summary>
    [FieldOffset(72)]
    public long Notified;

    /// <summary>
    /// Two for each thread in the part of a poll that may sleep; bit 0 while an outer loop is between prepare and check. 0: nobody needs to be woken.
    /// </summary>
    [FieldOffset(80)]
    public int NotifyMe;

    /// <summary>The descriptor was written since it was last cleared.</summary>
    [FieldOffset(84)]
    public int EventSet;

    /// <summary>Writes of the descriptor. Whoever writes it has this cache line already.</summary>
    [FieldOffset(88)]
    public long NotifierWrites;

    /// <summary>
    /// The notifier's side: the flag, then the counter. Its barrier is the partner of the one in <see cref="Arm"/>: either the flag is seen there, or the
    /// counter here.
    /// </summary>
    /// <returns>The counter.</returns>
    public int Publish<TBarrier>()
        where TBarrier : struct, IBarrier
    {
        TBarrier.Increment(ref Notified);
        return Volatile.Read(ref NotifyMe);
    }

    /// <summary>The sleeper's side: the counter, then the flag.</summary>
    /// <returns>Whether somebody notified.</returns>
    public bool Arm<TBarrier>(int notifyMe)
        where TBarrier : struct, IBarrier
    {
        TBarrier.Store(ref NotifyMe, notifyMe);
        return Volatile.Read(ref Notified) != 0;
    }

    /// <summary>The sleeper is awake and reads all work after this.</summary>
    public void Disarm(int notifyMe) => Volatile.Write(ref NotifyMe, notifyMe);
}
