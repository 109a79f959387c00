using VhostNet.Aio.Faults;

namespace VhostNet.Aio.BottomHalves;

/// <summary>
/// A callback that runs once, on its context's home thread, after it was scheduled. Scheduling it again before it ran changes nothing.
/// All members may be called by any thread and never block.
/// </summary>
public sealed class BottomHalf
{
    private const int Pending = 1;
    private const int Scheduled = 2;
    private const int Idle = 4;
    private const int Deleted = 8;

    private readonly IBottomHalfLoop _loop;
    private readonly bool _oneShot;

    // An Action, or the SendOrPostCallback of a posted one; and the name, or the state of a posted one: two fields, so that the object fills one cache line.
    private Delegate? _callback;
    private object? _nameOrState;
    private int _flags;

    internal BottomHalf(IBottomHalfLoop loop, Action callback, string name)
    {
        _loop = loop;
        _callback = callback;
        _nameOrState = name;
        Owner = FaultScope.Current;
    }

    internal BottomHalf(IBottomHalfLoop loop)
    {
        _loop = loop;
        _oneShot = true;
    }

    /// <summary>Name for messages.</summary>
    public string Name => _callback is SendOrPostCallback ? "continuation" : (string?)_nameOrState ?? "one-shot";

    /// <summary>Who answers for the callback.</summary>
    internal IFaultOwner? Owner { get; private set; }

    /// <summary>Next one in the list that it is linked into; owned by whoever owns that list.</summary>
    internal BottomHalf? Next { get; set; }

    /// <summary>It must be called before the loop may sleep.</summary>
    internal bool IsDue => (Volatile.Read(ref _flags) & (Scheduled | Deleted)) == Scheduled;

    /// <summary>It wants to be called now and then.</summary>
    internal bool IsIdlyDue => (Volatile.Read(ref _flags) & (Idle | Deleted)) == Idle;

    /// <summary>
    /// Has the callback called by the next pass of the loop. What the caller wrote before is visible to the callback. From the callback itself: by the pass
    /// after the present one. After <see cref="Delete"/>, and after its context was disposed of, it does nothing.
    /// </summary>
    public void Schedule()
    {
        // The atomic operation is a full barrier. Whoever set the flag before us links and notifies; the loop clears it before the callback reads what we
        // wrote.
        int old = Interlocked.Or(ref _flags, Pending | Scheduled);
        if ((old & (Scheduled | Deleted)) != 0)
        {
            return;
        }

        bool link = (old & Pending) == 0;
        if (!link || !_loop.TryEnqueueLocally(this))
        {
            _loop.Enqueue(this, link);
        }
    }

    /// <summary>
    /// As <see cref="Schedule"/>, but the loop need not hurry (10 ms at most) and does not count the call as progress. A later <see cref="Schedule"/> makes it
    /// urgent.
    /// </summary>
    public void ScheduleIdle()
    {
        int old = Interlocked.Or(ref _flags, Pending | Idle);
        if ((old & (Idle | Scheduled | Deleted)) != 0)
        {
            return;
        }

        bool link = (old & Pending) == 0;
        if (!link || !_loop.TryEnqueueLocally(this))
        {
            _loop.Enqueue(this, link);
        }
    }

    /// <summary>Takes a <see cref="Schedule"/> back. If the callback runs on another thread at this moment, it goes on.</summary>
    public void Cancel() => Interlocked.And(ref _flags, ~(Scheduled | Idle));

    /// <summary>Never calls the callback again; also from the callback itself. If it runs on another thread at this moment, it goes on.</summary>
    public void Delete() => Interlocked.Or(ref _flags, Deleted);

    /// <summary>Prepares a pooled one-shot, on behalf of the calling thread's owner.</summary>
    /// <param name="callback">An <see cref="Action"/>, or a <see cref="SendOrPostCallback"/>.</param>
    /// <param name="nameOrState">Name of the one, state of the other.</param>
    internal void Load(Delegate callback, object? nameOrState)
    {
        _callback = callback;
        _nameOrState = nameOrState;
        Owner = FaultScope.Current;
    }

    /// <summary>Takes the flags and calls the callback if it is due. Home thread only; the caller has unlinked it.</summary>
    /// <param name="skipped">Counts those that were cancelled or deleted meanwhile.</param>
    /// <returns>Whether that was progress.</returns>
    internal bool Run(ref long skipped)
    {
        // From here on another thread may link it again, and the callback's own Schedule counts for the next pass.
        int old = Interlocked.And(ref _flags, ~(Pending | Scheduled | Idle));
        if ((old & (Scheduled | Idle)) == 0 || (old & Deleted) != 0)
        {
            skipped++;
            return false;
        }

        if (_oneShot)
        {
            RunOneShot();
            return true;
        }

        ((Action)_callback!)();
        return (old & Scheduled) != 0;
    }

    private void RunOneShot()
    {
        if (_callback is Action callback)
        {
            callback();
        }
        else
        {
            _loop.RunPosted((SendOrPostCallback)_callback!, _nameOrState);
        }

        // Not before: whoever reports what the callback threw asks for the name and the owner. One that threw does not come back to the pool.
        _callback = null;
        _nameOrState = null;
        Owner = null;
        _loop.ReturnOneShot(this);
    }
}
