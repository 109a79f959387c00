namespace VhostNet.Aio.Timers;

/// <summary>A clock for timers. A virtual one stands still until it is advanced, and can be stopped.</summary>
public sealed class AioClock
{
    private readonly int _clockId;
    private readonly Lock _lock = new();
    private readonly List<AioTimerList> _lists = [];
    private long _virtualNs;
    private volatile bool _enabled = true;

    private AioClock(string name, int clockId)
    {
        Name = name;
        _clockId = clockId;
    }

    /// <summary>Time since some point in the past, without jumps.</summary>
    public static AioClock Monotonic { get; } = new("monotonic", CLOCK_MONOTONIC);

    /// <summary>Wall-clock time since 1970.</summary>
    public static AioClock Realtime { get; } = new("realtime", CLOCK_REALTIME);

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>The time in nanoseconds.</summary>
    public long NowNs => _clockId < 0 ? Volatile.Read(ref _virtualNs) : clock_gettime_ns(_clockId);

    /// <summary>
    /// Whether timers of this clock fire. Setting it to false waits until no callback of the clock runs on any thread; not from such a callback.
    /// Setting it to true makes the contexts look at their timers again.
    /// </summary>
    /// <exception cref="InvalidOperationException">A callback of the clock stops it.</exception>
    public bool IsEnabled
    {
        get => _enabled;
        set => _ = SetEnabled(value, Timeout.Infinite);
    }

    /// <summary>Makes a clock that only <see cref="Advance"/> moves.</summary>
    /// <param name="startNs">Its time at first.</param>
    public static AioClock CreateVirtual(long startNs = 0) => new("virtual", -1) { _virtualNs = startNs };

    /// <summary>Moves a virtual clock on and makes the contexts look at their timers.</summary>
    /// <exception cref="InvalidOperationException">The clock is not virtual.</exception>
    public void Advance(long ns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ns);
        if (_clockId >= 0)
        {
            throw new InvalidOperationException($"The {Name} clock moves by itself; only a virtual one can be advanced.");
        }

        Interlocked.Add(ref _virtualNs, ns);
        foreach (AioTimerList list in Lists())
        {
            list.Loop.Notify();
        }
    }

    /// <summary>As setting <see cref="IsEnabled"/>, with a time-out for the wait.</summary>
    /// <returns>False if a callback still ran when the time was over.</returns>
    internal bool SetEnabled(bool value, int timeoutMs)
    {
        bool old = _enabled;
        _enabled = value;

        // The switch is visible before the events are looked at; a run resets its event before it looks at the switch.
        Interlocked.MemoryBarrier();
        bool done = true;
        foreach (AioTimerList list in Lists())
        {
            if (value && !old)
            {
                list.Loop.Notify();
            }
            else if (!value)
            {
                done &= list.WaitUntilDone(timeoutMs);
            }
        }

        return done;
    }

    /// <summary>Nanoseconds that a real clock takes to reach a time; a virtual clock never does by itself.</summary>
    internal long Remaining(long deadlineNs)
    {
        long remaining = deadlineNs - NowNs;
        return remaining <= 0 ? 0 : _clockId < 0 ? -1 : remaining;
    }

    internal void Add(AioTimerList list)
    {
        lock (_lock)
        {
            _lists.Add(list);
        }
    }

    internal void Remove(AioTimerList list)
    {
        lock (_lock)
        {
            _lists.Remove(list);
        }
    }

    private AioTimerList[] Lists()
    {
        lock (_lock)
        {
            return [.. _lists];
        }
    }
}
