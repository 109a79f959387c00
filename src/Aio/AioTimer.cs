namespace VhostNet.Aio;

/// <summary>A callback that runs on its context's home thread once its clock has reached a time. All members may be called by any thread, also from callbacks.</summary>
public sealed class AioTimer
{
    private readonly AioTimerList _list;

    internal AioTimer(AioTimerList list, Action callback)
    {
        _list = list;
        Callback = callback;
    }

    /// <summary>It is armed and has not fired yet.</summary>
    public bool IsPending => Volatile.Read(ref HeapIndex) >= 0;

    internal Action Callback { get; }

    /// <summary>Time of the clock at which it fires; meaningful while it is pending. Guarded by the list's lock.</summary>
    internal long DeadlineNs { get; set; }

    /// <summary>Orders timers of the same deadline. Guarded by the list's lock.</summary>
    internal long Sequence { get; set; }

    internal int HeapIndex = -1;

    /// <summary>Arms it, or moves it. Timers of the same deadline fire in the order in which they were armed.</summary>
    /// <param name="deadlineNs">Time of its clock; a negative one counts as 0, a past one fires at once.</param>
    public void Modify(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: false);

    /// <summary>As <see cref="Modify"/>, unless it is pending for an earlier time.</summary>
    public void ModifyAnticipate(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: true);

    /// <summary>Disarms it. If its callback runs on another thread at this moment, it goes on.</summary>
    public void Delete() => _list.Delete(this);
}
