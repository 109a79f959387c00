namespace VhostNet.Aio;

/// <summary>A callback that runs on its context's home thread once its clock has reached a time. All members may be called by any thread, also from callbacks.</summary>
public sealed class AioTimer
{
    private readonly AioTimerList _list;
    private readonly AioTimer?[]? _higher;
    private AioTimer? _next;
    private volatile bool _pending;

    internal AioTimer(AioTimerList list, Action callback, int height)
    {
        _list = list;
        Callback = callback;
        Height = height;
        _higher = height > 1 ? new AioTimer?[height - 1] : null;
    }

    /// <summary>It is armed and has not fired yet.</summary>
    public bool IsPending
    {
        get => _pending;
        internal set => _pending = value;
    }

    internal Action Callback { get; }

    /// <summary>Levels of the skip list that it is part of.</summary>
    internal int Height { get; }

    /// <summary>Time of the clock at which it fires. Guarded by the list's lock, as are the rest.</summary>
    internal long DeadlineNs { get; set; }

    /// <summary>Orders timers of the same deadline.</summary>
    internal long Sequence { get; set; }

    /// <summary>Arms it, or moves it. Timers of the same deadline fire in the order in which they were armed.</summary>
    /// <param name="deadlineNs">Time of its clock; a negative one counts as 0, a past one fires at once.</param>
    public void Modify(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: false);

    /// <summary>As <see cref="Modify"/>, unless it is pending for an earlier time.</summary>
    public void ModifyAnticipate(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: true);

    /// <summary>Disarms it. If its callback runs on another thread at this moment, it goes on.</summary>
    public void Delete() => _list.Delete(this);

    /// <summary>The following timer on a level.</summary>
    internal ref AioTimer? Next(int level)
    {
        if (level == 0)
        {
            return ref _next;
        }

        return ref _higher![level - 1];
    }

    /// <summary>It fires before another one.</summary>
    internal bool IsBefore(long deadlineNs, long sequence) => DeadlineNs < deadlineNs || (DeadlineNs == deadlineNs && Sequence < sequence);
}
