using System.Runtime.InteropServices;

namespace VhostNet.Aio;

/// <summary>What other threads write to a context, on cache lines of its own.</summary>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal struct NotifyState
{
    /// <summary>Stack of the bottom halves that were scheduled, newest first.</summary>
    [FieldOffset(64)]
    public BottomHalf? BottomHalves;

    /// <summary>Somebody notified since the last accept. False positives are allowed.</summary>
    [FieldOffset(72)]
    public int Notified;

    /// <summary>Two for each thread in the part of a poll that may sleep; bit 0 while an outer loop is between prepare and check. 0: nobody needs to be woken.</summary>
    [FieldOffset(76)]
    public int NotifyMe;

    /// <summary>The descriptor was written since it was last cleared.</summary>
    [FieldOffset(80)]
    public int EventSet;

    /// <summary>Calls of notify; a little low when several threads notify at once.</summary>
    [FieldOffset(88)]
    public long Notifies;

    /// <summary>The notifier's side: the flag, then the counter. Its barrier is the partner of the one in <see cref="Arm"/>: either the flag is seen there, or the counter here.</summary>
    /// <returns>The counter.</returns>
    public int Publish<TBarrier>()
        where TBarrier : struct, IBarrier
    {
        TBarrier.Store(ref Notified, 1);
        return Volatile.Read(ref NotifyMe);
    }

    /// <summary>The sleeper's side: the counter, then the flag.</summary>
    /// <returns>The flag.</returns>
    public int Arm<TBarrier>(int notifyMe)
        where TBarrier : struct, IBarrier
    {
        TBarrier.Store(ref NotifyMe, notifyMe);
        return Volatile.Read(ref Notified);
    }

    /// <summary>The sleeper is awake and reads all work after this.</summary>
    public void Disarm(int notifyMe) => Volatile.Write(ref NotifyMe, notifyMe);
}
