using System.Runtime.CompilerServices;
using VhostNet.Aio.Faults;

namespace VhostNet.Aio.Timers;

/// <summary>
/// A callback that runs on its context's home thread once its clock has reached a time. All members may be called by any thread, also from callbacks.
/// </summary>
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
        Owner = FaultScope.Current;
        Height = height;
        _higher = height > 1 ? new AioTimer?[height - 1] : null;
    }

    /// <summary>
    /// It is armed and has not fired yet. Exact on the home thread; elsewhere it may fire at this very moment, so that it is no reason to leave out a
    /// <see cref="Modify"/>: <see cref="ModifyAnticipate"/> is for that.
    /// </summary>
    public bool IsPending => _listed || (_inBatch && !_void);

    internal Action Callback { get; }

    /// <summary>Who answers for the callback.</summary>
    internal IFaultOwner? Owner { get; }

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

    /// <summary>
    /// Arms it, or moves it. Timers of the same deadline fire in the order in which they were armed. What is armed while a pass fires timers waits for the next
    /// pass, whatever its deadline: other callbacks get their turn in between, and no pass is without end.
    /// </summary>
    /// <param name="deadlineNs">Time of its clock; a negative one counts as 0, a past one fires in the next pass.</param>
    public void Modify(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: false);

    /// <summary>
    /// As <see cref="Modify"/>, unless it is pending for an earlier time. In any case the callback is called once more after what the caller wrote before, not
    /// later than
    /// <paramref name="deadlineNs"/>. If the home thread is about to call it anyway it may be called twice.
    /// </summary>
    /// <param name="deadlineNs">Time of its clock.</param>
    public void ModifyAnticipate(long deadlineNs) => _list.Modify(this, Math.Max(0, deadlineNs), onlyEarlier: true);

    /// <summary>Disarms it. If the home thread is calling it, or is about to, it goes on; not if it is the home thread that deletes.</summary>
    public void Delete() => _list.Delete(this);

    /// <summary>
    /// It has a place in the batch that is not void. Only the home thread can rely on it: it takes a timer out without a barrier, so that others may still see
    /// it there when its callback has read what it came for.
    /// </summary>
    internal bool IsInBatch => _inBatch && !_void;

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
