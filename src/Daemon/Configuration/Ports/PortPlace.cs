using VhostNet.Aio;
using VhostNet.VirtioNet.Ports.Links;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Where a port works.</summary>
/// <param name="Threads">The threads that its queues are dealt out to.</param>
/// <param name="Control">The control thread's loop.</param>
/// <param name="FindLinks">The one watcher of the host's interfaces; null when there can be none.</param>
internal sealed record PortPlace(IReadOnlyList<IoThread> Threads, AioContext Control, Func<LinkWatcher?> FindLinks)
{
    /// <summary>The loop of the first queue.</summary>
    public AioContext First => Threads[0].Context;

    /// <summary>The loops in the order in which queues are dealt out to them.</summary>
    public IReadOnlyList<AioContext> Contexts => [.. Threads.Select(t => t.Context)];
}
