using VhostNet.Aio;

namespace VhostNet.Daemon.Metrics;

/// <summary>A thread whose loop is measured.</summary>
internal sealed class ThreadSource(IoThread thread)
{
    /// <summary>The labels of the thread's series.</summary>
    public SeriesLabels Labels { get; } = new(("thread", thread.Name));

    /// <summary>The loop's counters.</summary>
    public AioStatistics Statistics => thread.GetStatistics();
}
