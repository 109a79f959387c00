namespace VhostNet.Daemon.Tests.Control;

/// <summary>Time that passes when a test says so: every timer that was asked for fires at once.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];

    /// <summary>How many timers run.</summary>
    public int Running
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count;
            }
        }
    }

    /// <summary>Waits until something waits for time to pass, then lets it pass.</summary>
    public void Pass(int timers = 1)
    {
        Assert.True(SpinWait.SpinUntil(() => Running >= timers, TimeSpan.FromSeconds(20)), "nobody waits for time to pass");
        ManualTimer[] due;
        lock (_lock)
        {
            due = [.. _timers];
            _timers.Clear();
        }

        foreach (ManualTimer timer in due)
        {
            timer.Fire();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        lock (_lock)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    private void Remove(ManualTimer timer)
    {
        lock (_lock)
        {
            _timers.Remove(timer);
        }
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => owner.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
