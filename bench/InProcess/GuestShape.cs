using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.InProcess;

/// <summary>What a guest of the bench negotiates and how it lays out its frames.</summary>
internal sealed record GuestShape
{
    /// <summary>VERSION_1 with mergeable receive buffers, as Linux and DPDK negotiate.</summary>
    public const ulong Modern = VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF;

    /// <summary>Virtio features of both rings.</summary>
    public ulong Features { get; init; } = Modern;

    /// <summary>Bytes of each frame, without virtio_net_hdr.</summary>
    public int FrameSize { get; init; } = 64;

    /// <summary>Descriptors of a transmit chain; with more than one the header has one of its own.</summary>
    public int TxDescriptors { get; init; } = 1;

    /// <summary>Descriptors of a receive chain.</summary>
    public int RxDescriptors { get; init; } = 1;

    /// <summary>Transmit chains go through indirect tables.</summary>
    public bool Indirect { get; init; }

    /// <summary>Bytes of each receive chain.</summary>
    public int RxBufferSize { get; init; } = 2048;

    /// <summary>Frames in flight.</summary>
    public int InFlight { get; init; } = 256;

    /// <summary>Memory regions that the buffers are spread over.</summary>
    public int Regions { get; init; } = 1;

    /// <summary>Writes are marked in a dirty log.</summary>
    public bool DirtyLog { get; init; }

    /// <summary>Descriptors of each ring.</summary>
    public int RingSize { get; init; } = 1024;
}
