namespace VhostNet.Fuzz;

/// <summary>
/// Calls when a case does not end. One timer for all of them: a case takes microseconds, and so may its guard not take more. Time is counted in the timer's own
/// rounds, a second each at least: while the process is stopped, or has no processor, none passes.
/// </summary>
internal sealed class CaseWatchdog : IDisposable
{
    private readonly Timer _timer;
    private long _rounds = 1;
    private long _begun;

    public CaseWatchdog(TimeSpan limit, Action late)
    {
        _timer = new Timer(
            _ =>
            {
                long now = Interlocked.Increment(ref _rounds);
                long begun = Volatile.Read(ref _begun);
                if (begun != 0 && now - begun > limit.TotalSeconds)
                {
                    late();
                }
            },
            null,
            TimeSpan.FromSeconds(1),
            TimeSpan.FromSeconds(1));
    }

    public void Begin() => Volatile.Write(ref _begun, Volatile.Read(ref _rounds));

    public void End() => Volatile.Write(ref _begun, 0);

    public void Dispose() => _timer.Dispose();
}
