using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Device;

namespace VhostNet.InProcess;

/// <summary>One case of the bench.</summary>
/// <param name="Name">Its name in the table and the baseline file.</param>
/// <param name="Features">Virtio features of both rings.</param>
/// <param name="FrameSize">Bytes of each frame, without virtio_net_hdr.</param>
internal sealed record BenchCase(string Name, ulong Features, int FrameSize)
{
    private const ulong Modern = VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF;

    /// <summary>Descriptors of a transmit chain: 1, or 2 with the header in one of its own.</summary>
    public int TxDescriptors { get; init; } = 1;

    /// <summary>Transmit chains go through indirect tables.</summary>
    public bool Indirect { get; init; }

    /// <summary>Bytes of each receive buffer.</summary>
    public int RxBufferSize { get; init; } = 2048;

    /// <summary>Frames in flight.</summary>
    public int InFlight { get; init; } = 256;

    /// <summary>Memory regions that the buffers are spread over.</summary>
    public int Regions { get; init; } = 1;

    /// <summary>Writes are marked in a dirty log.</summary>
    public bool DirtyLog { get; init; }

    /// <summary>All cases.</summary>
    public static IReadOnlyList<BenchCase> All { get; } =
    [
        new("split-64", Modern, 64),
        new("split-64-nomrg", VirtioFeatures.VERSION_1, 64),
        new("split-64-2desc", Modern, 64) { TxDescriptors = 2 },
        new("split-64-indirect", Modern | VirtioFeatures.INDIRECT_DESC, 64) { TxDescriptors = 2, Indirect = true },
        new("split-64-eventidx", Modern | VirtioFeatures.EVENT_IDX, 64),
        new("split-64-regions4", Modern, 64) { Regions = 4 },
        new("split-64-dirtylog", Modern | VirtioFeatures.LOG_ALL, 64) { DirtyLog = true },
        new("split-64-32inflight", Modern, 64) { InFlight = 32 },
        new("split-256", Modern, 256),
        new("split-1518", Modern, 1518),
        new("split-9000-mrg", Modern, 9000),
        new("packed-64", Modern | VirtioFeatures.RING_PACKED, 64),
        new("packed-64-inorder", Modern | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER, 64),
        new("packed-64-2desc", Modern | VirtioFeatures.RING_PACKED, 64) { TxDescriptors = 2 },
        new("packed-64-indirect", Modern | VirtioFeatures.RING_PACKED | VirtioFeatures.INDIRECT_DESC, 64) { TxDescriptors = 2, Indirect = true },
        new("packed-1518", Modern | VirtioFeatures.RING_PACKED, 1518),
        new("packed-9000-mrg", Modern | VirtioFeatures.RING_PACKED, 9000),
    ];
}
