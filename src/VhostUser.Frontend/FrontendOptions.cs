using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Frontend;

/// <summary>What a front end asks for and how long it waits.</summary>
public sealed record FrontendOptions
{
    /// <summary>How long to wait for an answer before the request counts as failed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The virtio features to acknowledge where they are offered. Left out by default: LOG_ALL, until a migration starts, and ACCESS_PLATFORM, which needs
    /// somebody who answers IOTLB misses.
    /// </summary>
    public ulong Features { get; init; } = ~(VirtioFeatures.LOG_ALL | VirtioFeatures.ACCESS_PLATFORM);

    /// <summary>
    /// The protocol features to acknowledge where they are offered. Left out by default are those that change how rings are addressed and kicked:
    /// GPA_ADDRESSES and INBAND_NOTIFICATIONS.
    /// </summary>
    public ulong ProtocolFeatures { get; init; } = ~(Protocol.ProtocolFeatures.GPA_ADDRESSES | Protocol.ProtocolFeatures.INBAND_NOTIFICATIONS);

    /// <summary>
    /// For a front end on the very thread that runs its back end (fuzzing, stepped tests): runs a pass of the back end's loop and says whether it did anything.
    /// Called instead of waiting; when it did nothing and nothing came, the time counts as over, because nobody else will do anything. Null for all others, who
    /// sleep.
    /// </summary>
    public Func<bool>? Progress { get; init; }

    /// <summary>
    /// For the same: takes what would be sent to the back end's hands without a socket between them. False for what it does not take, which is sent then. Null
    /// for all others.
    /// </summary>
    internal DirectDelivery? Deliver { get; init; }

    /// <summary>
    /// Ask for an acknowledgement of every message once REPLY_ACK is negotiated, so that each call here returns when its message has taken effect.
    /// </summary>
    public bool AskForAcknowledgement { get; init; } = true;

    /// <summary>Share memory with ADD_MEM_REG when CONFIGURE_MEM_SLOTS is negotiated, instead of SET_MEM_TABLE.</summary>
    public bool UseMemorySlots { get; init; } = true;
}
