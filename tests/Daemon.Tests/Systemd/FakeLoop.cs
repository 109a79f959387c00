using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Tests.Systemd;

/// <summary>A loop as the watchdog sees it, made to move or to stand still by a test.</summary>
internal sealed class FakeLoop : ILoopWatch
{
    private long _movedNs;

    /// <summary>Whether it stands still.</summary>
    public bool Stands { get; set; }

    /// <summary>Whether it has nothing to do.</summary>
    public bool Sleeps { get; set; }

    public bool HasEnded { get; private set; }

    public string? Place => Stands ? "a timer of port vm0" : null;

    public long Passes { get; private set; }

    public long Look(long nowNs)
    {
        if (Stands)
        {
            return nowNs - _movedNs;
        }

        Passes += Sleeps ? 0 : 1;
        _movedNs = nowNs;
        return 0;
    }

    public void End() => HasEnded = true;
}
