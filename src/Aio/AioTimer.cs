using System.Runtime.CompilerServices;

namespace VhostNet.Aio;

/// <summary>A callback that runs on its context's home thread once its clock has reached a time. All members may be called by any thread, also from callbacks.</summary>
public sealed class AioTimer
{
    private readonly AioTimerList _list;
    private readonly AioTimer?[]? _higher;
    private AioTimer? _next;
    private volatile bool _listed;

    // Written by the home thread only, so that firing needs no atomic operation; the other one tells it under the lock that the place in the batch is void.
    private volatile bool _inBatch;
    private volatile bool _void;

    internal AioTimer(AioTimerList list, Action callback, int height)
    {
        _list = list;
        Callback = callback;
        Height = height;
        _higher = height > 1 ? new AioTimer?[height - 1] : null;
    }

    /// <summary>It is armed and has not fired yet.</summary>
    public bool IsPending => _listed || (_inBatch && !_void);

    internal Action Callback { get; }

    /// <summary>It is linked into the list. Guarded by the list's lock.</summary>
    internal bool IsListed
    {
        get => _listed;
        set => _listed = value;
    }

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

    /// <summary>Disarms it. If the home thread is calling it, or is about to, it goes on; not if it is the home thread that deletes.</summary>
    public void Delete() => _list.Delete(this);

    /// <summary>Its place in the batch is void.</summary>
    internal bool IsVoid => _void;

    /// <summary>It was due and taken out of the list. Home thread, under the list's lock.</summary>
    internal void EnterBatch()
    {
        _void = false;
        _inBatch = true;
    }

    /// <summary>Its turn has come, or it goes back into the list. Home thread.</summary>
    /// <returns>Whether nobody deleted or moved it meanwhile.</returns>
    internal bool LeaveBatch()
    {
        _inBatch = false;
        return !_void;
    }

    /// <summary>It was deleted or moved: a place in the batch is void. Under the list's lock.</summary>
    internal void VoidBatch() => _void = true;

    /// <summary>The following timer on a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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
