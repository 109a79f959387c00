using VhostNet.Aio;
using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Metrics;

/// <summary>A thread whose loop is measured.</summary>
internal sealed class ThreadSource(IoThread thread, Watchdog? watchdog = null)
{
    /// <summary>The labels of the thread's series.</summary>
    public SeriesLabels Labels { get; } = new(("thread", thread.Name));

    /// <summary>The thread's name.</summary>
    public string Name => thread.Name;

    /// <summary>For how long the loop has stood still, in nanoseconds; 0 while it moves.</summary>
    public long StuckNs => watchdog?.StuckForNs(thread.Name) ?? 0;

    /// <summary>The loop's counters.</summary>
    public AioStatistics Statistics => thread.GetStatistics();
}
