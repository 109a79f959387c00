namespace VhostNet.VhostUser.Frontend;

/// <summary>A queue that this front end has started.</summary>
/// <param name="queue">The queue.</param>
internal sealed class StartedQueue(DriverQueue queue)
{
    public DriverQueue Queue { get; } = queue;

    /// <summary>What SET_VRING_ENABLE said last.</summary>
    public bool Enabled { get; set; }
}
