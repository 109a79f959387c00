using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Transport;

/// <summary>What a channel to a stranger needs besides its socket.</summary>
internal sealed record ChannelOptions
{
    /// <summary>Closes the descriptors that come in; nothing is read while it is behind. Null: they are closed at once.</summary>
    public StrangerCloser? Closer { get; init; }

    /// <summary>How long a message may take from its first byte or descriptor to its last, in nanoseconds; 0 for ever.</summary>
    public long HalfReceivedNs { get; init; }

    /// <summary>The clock of that.</summary>
    public AioClock Clock { get; init; } = AioClock.Monotonic;

    /// <summary>Called when a message took longer, before the connection is closed.</summary>
    public Action? HalfReceived { get; init; }

    /// <summary>Called when nothing is read any more because of the closer, with a sentence.</summary>
    public Action<string>? HeldUp { get; init; }
}
