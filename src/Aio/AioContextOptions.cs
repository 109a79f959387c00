using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <summary>How to make an <see cref="AioContext"/>.</summary>
public sealed record AioContextOptions
{
    /// <summary>Name for messages.</summary>
    public string Name { get; init; } = "aio";

    /// <summary>How descriptors are watched.</summary>
    public FdMonitorKind FdMonitor { get; init; } = FdMonitorKind.Auto;

    /// <summary>
    /// A lock that lets more than one thread poll: whoever holds it may call <see cref="AioContext.Poll"/>, as a holder of QEMU's big lock may poll the main
    /// context. Null (the default) reserves the context for its home thread.
    /// </summary>
    public Lock? PollLock { get; init; }
}
