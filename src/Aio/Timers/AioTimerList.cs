using System.Numerics;

namespace VhostNet.Aio.Timers;

/// <summary>
/// The timers of one context on one clock: a skip list, since adding must not be linear and taking the first must be cheap. The links are in the timers;
/// nothing is allocated after a timer was made.
/// </summary>
internal sealed partial class AioTimerList : IDisposable
{
    private const int MaxHeight = 12;

    // Initially set: nobody runs the list, so whoever stops the clock must not wait for it.
    private readonly ManualResetEventSlim _done;
    private readonly AioTimer _head;
    private readonly AioTimer[] _before = new AioTimer[MaxHeight];

    // Held for a few steps only; entering is one atomic operation and leaving none.
    private SpinLock _lock = new(enableThreadOwnerTracking: false);
    private int _height = 1;
    private long _sequence;
    private long _firstNs = long.MaxValue;
    private uint _random = 2463534242;
    private bool _armed;
    private bool _disposed;

    public AioTimerList(ITimerLoop loop, AioClock clock, bool initiallyBusy = false)
    {
        Loop = loop;
        Clock = clock;
        _done = new ManualResetEventSlim(!initiallyBusy);
        _head = new AioTimer(this, static () => { }, MaxHeight);
        clock.Add(this);
    }

    public ITimerLoop Loop { get; }

    public AioClock Clock { get; }

    /// <summary>Makes a timer of a random height: one in four reaches the next level.</summary>
    public AioTimer Create(Action callback)
    {
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        return new AioTimer(this, callback, Math.Min(MaxHeight, 1 + (BitOperations.TrailingZeroCount(_random) / 2)));
    }

    /// <summary>Nanoseconds until the first timer is due; -1 for none. Home thread.</summary>
    public long TimeoutNs()
    {
        if (!_batch.IsEmpty && Clock.IsEnabled)
        {
            return 0;
        }

        long first = Volatile.Read(ref _firstNs);
        return first == long.MaxValue || !Clock.IsEnabled ? -1 : Clock.Remaining(first);
    }

    public void Modify(AioTimer timer, long deadlineNs, bool onlyEarlier)
    {
        bool first = false;
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            if (_disposed || (onlyEarlier && IsPendingFor(timer, deadlineNs)))
            {
                return;
            }

            if (timer.IsListed)
            {
                Remove(timer);
            }

            if (!onlyEarlier)
            {
                timer.VoidBatch();
            }

            timer.DeadlineNs = deadlineNs;
            timer.Sequence = ++_sequence;
            first = Insert(timer);
            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }

        if (first)
        {
            Loop.Notify();
        }
    }

    public void Delete(AioTimer timer)
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            timer.VoidBatch();
            if (timer.IsListed)
            {
                Remove(timer);
                UpdateFirst();
            }
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    public void Dispose()
    {
        Clock.Remove(this);
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            _disposed = true;
            while (!_batch.IsEmpty)
            {
                _ = _batch.Take();
            }

            while (_head.Next(0) is { } timer)
            {
                Remove(timer);
            }

            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit();
            }
        }
    }

    /// <summary>
    /// It will be called at a time or earlier, and has not read yet what the caller wrote. In the batch is not enough, except for the home thread, which knows:
    /// its callback may run already. It keeps its place then and is armed besides.
    /// </summary>
    private bool IsPendingFor(AioTimer timer, long deadlineNs) =>
        (timer.IsListed && timer.DeadlineNs <= deadlineNs) || (timer.IsInBatch && Loop.KnowsBatch);

    private void UpdateFirst()
    {
        long first = _head.Next(0)?.DeadlineNs ?? long.MaxValue;
        bool armed = first != long.MaxValue || !_batch.IsEmpty;
        if (armed != _armed)
        {
            _armed = armed;
            Loop.CountArmedList(armed);
        }

        Volatile.Write(ref _firstNs, first);
    }

    /// <summary>Finds, for each level, the last timer before a place.</summary>
    private void Find(long deadlineNs, long sequence)
    {
        AioTimer timer = _head;
        for (int level = _height - 1; level >= 0; level--)
        {
            while (timer.Next(level) is { } next && next.IsBefore(deadlineNs, sequence))
            {
                timer = next;
            }

            _before[level] = timer;
        }
    }

    private bool Insert(AioTimer timer)
    {
        while (_height < timer.Height)
        {
            _height++;
        }

        Find(timer.DeadlineNs, timer.Sequence);
        for (int level = 0; level < timer.Height; level++)
        {
            timer.Next(level) = _before[level].Next(level);
            _before[level].Next(level) = timer;
        }

        timer.IsListed = true;
        return ReferenceEquals(_before[0], _head);
    }

    private void Remove(AioTimer timer)
    {
        Find(timer.DeadlineNs, timer.Sequence);
        for (int level = 0; level < timer.Height; level++)
        {
            _before[level].Next(level) = timer.Next(level);
            timer.Next(level) = null;
        }

        timer.IsListed = false;
    }
}
