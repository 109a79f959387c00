namespace VhostNet.Fuzz;

/// <summary>Calls when a case does not end. One timer for all of them: a case takes microseconds, and so may its guard not take more.</summary>
internal sealed class CaseWatchdog : IDisposable
{
    private readonly Timer _timer;
    private readonly TimeSpan _limit;
    private long _begun;

    public CaseWatchdog(TimeSpan limit, Action late)
    {
        _limit = limit;
        _timer = new Timer(
            _ =>
            {
                long begun = Volatile.Read(ref _begun);
                if (begun != 0 && Environment.TickCount64 - begun > _limit.TotalMilliseconds)
                {
                    late();
                }
            },
            null,
            TimeSpan.FromSeconds(1),
            TimeSpan.FromSeconds(1));
    }

    public void Begin() => Volatile.Write(ref _begun, Environment.TickCount64);

    public void End() => Volatile.Write(ref _begun, 0);

    public void Dispose() => _timer.Dispose();
}
