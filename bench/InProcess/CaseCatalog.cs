using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.InProcess;

/// <summary>All cases. Limits are those that the project set itself; docs/performance/in-process.md says which are met.</summary>
internal static class CaseCatalog
{
    private const ulong Packed = GuestShape.Modern | VirtioFeatures.RING_PACKED;
    private const int LargeFrame = 14 + 40 + (45 * 1448);

    // A wire's rate is to be kept to 90 % by a switch of two ports and to 80 % by one of 64 with 1,024 addresses; costs are the inverse of rates.
    private const double SwitchLimit = 1 / 0.9;
    private const double LargeSwitchLimit = 1 / 0.8;
    private static readonly GuestShape s_plain = new();

    public static IReadOnlyList<BenchCase> All { get; } = [.. Split(), .. PackedRings(), .. Networks(), .. Offloads()];

    private static IEnumerable<BenchCase> Split() =>
    [
        BenchCase.Hairpin("split-64", s_plain, 25),
        BenchCase.Hairpin("split-64-nomrg", s_plain with { Features = VirtioFeatures.VERSION_1 }),
        BenchCase.Hairpin("split-64-inorder", s_plain with { Features = GuestShape.Modern | VirtioFeatures.IN_ORDER }),
        BenchCase.Hairpin("split-64-2desc", s_plain with { TxDescriptors = 2 }, 40),
        BenchCase.Hairpin("split-64-4desc", s_plain with { TxDescriptors = 4 }),
        BenchCase.Hairpin("split-64-rx4desc", s_plain with { RxDescriptors = 4, InFlight = 128 }),
        BenchCase.Hairpin("split-64-indirect", s_plain with { Features = GuestShape.Modern | VirtioFeatures.INDIRECT_DESC, TxDescriptors = 2, Indirect = true }),
        BenchCase.Hairpin("split-64-indirect8", s_plain with { Features = GuestShape.Modern | VirtioFeatures.INDIRECT_DESC, TxDescriptors = 8, Indirect = true }),
        BenchCase.Hairpin("split-64-eventidx", s_plain with { Features = GuestShape.Modern | VirtioFeatures.EVENT_IDX }),
        BenchCase.Hairpin("split-64-regions4", s_plain with { Regions = 4 }),
        BenchCase.Hairpin("split-64-dirtylog", s_plain with { Features = GuestShape.Modern | VirtioFeatures.LOG_ALL, DirtyLog = true }),
        BenchCase.Hairpin("split-64-32inflight", s_plain with { InFlight = 32 }),
        BenchCase.Hairpin("split-256", s_plain with { FrameSize = 256 }),
        BenchCase.Hairpin("split-1518", s_plain with { FrameSize = 1518 }),
        BenchCase.Hairpin("split-1518-4desc", s_plain with { FrameSize = 1518, TxDescriptors = 4 }),
        BenchCase.Hairpin("split-1518-dirtylog", s_plain with { FrameSize = 1518, Features = GuestShape.Modern | VirtioFeatures.LOG_ALL, DirtyLog = true }),
        BenchCase.Hairpin("split-9000-mrg", s_plain with { FrameSize = 9000, InFlight = 128 }),
    ];

    private static IEnumerable<BenchCase> PackedRings() =>
    [
        BenchCase.Hairpin("packed-64", s_plain with { Features = Packed }),
        BenchCase.Hairpin("packed-64-nomrg", s_plain with { Features = VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED }),
        BenchCase.Hairpin("packed-64-inorder", s_plain with { Features = Packed | VirtioFeatures.IN_ORDER }),
        BenchCase.Hairpin("packed-64-2desc", s_plain with { Features = Packed, TxDescriptors = 2 }, 40),
        BenchCase.Hairpin("packed-64-4desc", s_plain with { Features = Packed, TxDescriptors = 4, InFlight = 128 }),
        BenchCase.Hairpin("packed-64-indirect", s_plain with { Features = Packed | VirtioFeatures.INDIRECT_DESC, TxDescriptors = 2, Indirect = true }),
        BenchCase.Hairpin("packed-64-eventidx", s_plain with { Features = Packed | VirtioFeatures.EVENT_IDX }),
        BenchCase.Hairpin("packed-64-regions4", s_plain with { Features = Packed, Regions = 4 }),
        BenchCase.Hairpin("packed-64-dirtylog", s_plain with { Features = Packed | VirtioFeatures.LOG_ALL, DirtyLog = true }),
        BenchCase.Hairpin("packed-64-32inflight", s_plain with { Features = Packed, InFlight = 32 }),
        BenchCase.Hairpin("packed-1518", s_plain with { Features = Packed, FrameSize = 1518 }),
        BenchCase.Hairpin("packed-9000-mrg", s_plain with { Features = Packed, FrameSize = 9000, InFlight = 128 }),
    ];

    private static IEnumerable<BenchCase> Networks() =>
    [
        BenchCase.Network("wire-64", 64, Wire),
        BenchCase.Network("wire-1518", 1518, () => new NetworkRig(new WireNetwork("wire"), 2, 1, s_plain with { FrameSize = 1518 }, Frames.Plain)),
        BenchCase.Network("switch-64", 64, () => Switch(2, 1, Frames.Plain)),
        BenchCase.Against("switch-64 / wire", "wire-64", SwitchLimit, () => Switch(2, 1, Frames.Plain), Wire),
        BenchCase.Network("switch64p-64", 64, () => Switch(64, 16, Frames.Plain)),
        BenchCase.Against("switch64p-64 / wire", "wire-64", LargeSwitchLimit, () => Switch(64, 16, Frames.Plain), Wire),
        BenchCase.Network("switch64p-64-mixed", 64, () => Switch(64, 16, Frames.ToOnePort(16))),
        BenchCase.Against("switch64p-64-mixed / wire", "wire-64", LargeSwitchLimit, () => Switch(64, 16, Frames.ToOnePort(16)), Wire),
        BenchCase.Network("switch64p-64-scattered", 64, () => Switch(64, 16, Frames.Scattered(64, 16))),
        BenchCase.Network("flood1-64", 64, () => Switch(2, 1, Frames.ToAll)),
        BenchCase.Network("unicast16-64", 64, UnicastByTurns),
        BenchCase.Network("flood16-64", 64, Flood),
        BenchCase.Against("flood16-64 / unicast", "16 single bursts", 1.0, Flood, UnicastByTurns),
        new("switch-64 under MAC flood", MacFlood.Create) { Reference = "same, no flood", LimitRatio = 1.02 },
    ];

    private static IEnumerable<BenchCase> Offloads()
    {
        GuestShape sender = s_plain with { Features = GuestShape.Modern | VirtioNetFeatures.CSUM | VirtioNetFeatures.HOST_TSO4, FrameSize = 1500 };
        GuestShape large = sender with { FrameSize = LargeFrame, Features = sender.Features | VirtioFeatures.INDIRECT_DESC, TxDescriptors = 18, Indirect = true, InFlight = 16 };
        GuestShape taker = s_plain with { Features = GuestShape.Modern | VirtioNetFeatures.GUEST_CSUM | VirtioNetFeatures.GUEST_TSO4 };
        return
        [
            new("checksum-1500", () => (new MemoryFloor(1500, copy: false, checksum: true), new MemoryFloor(1500, copy: true, checksum: false)))
            {
                Reference = "copy of 1500 B",
                LimitNs = 60,
            },
            BenchCase.Network("wire-1500-csum", 1500, () => new NetworkRig(new WireNetwork("wire"), 2, 1, sender, Frames.Tcp, receiver: s_plain)),
            BenchCase.Network("wire-tso64k-whole", LargeFrame, () => new NetworkRig(new WireNetwork("wire"), 2, 1, large, Frames.Tcp, receiver: taker)),
            BenchCase.Against(
                "segment-tso64k", "copy + checksum", 1.3, () => new SegmentRig(large, s_plain), () => new MemoryFloor(LargeFrame, copy: true, checksum: true, targets: 32)),
            BenchCase.Against("segment-tso64k / buffers", "to the same buffers", 1.3, () => new SegmentRig(large, s_plain), CopyToBuffers),
        ];
    }

    /// <summary>What the segments' payload costs alone: a copy into as many buffers of the same size and distance as the guest has, and one checksum.</summary>
    private static MemoryFloor CopyToBuffers() => new(
        LargeFrame, copy: true, checksum: true, targets: s_plain.RingSize, piece: Frames.SegmentSize, buffer: s_plain.RxBufferSize);

    private static NetworkRig Wire() => new(new WireNetwork("wire"), 2, 1, s_plain, Frames.Plain);

    // The same copies into the same memory as a flood makes, but each receiver's from a burst of its own.
    private static NetworkRig UnicastByTurns() =>
        new(new SwitchNetwork("switch"), 17, 1, s_plain, Frames.ByTurns(s_plain.InFlight), bursts: 16);

    private static NetworkRig Flood() => Switch(17, 1, Frames.ToAll, copies: 16);

    private static NetworkRig Switch(int ports, int macsPerPort, Action<int, Span<byte>> fill, int copies = 1) =>
        new(new SwitchNetwork("switch"), ports, macsPerPort, s_plain, fill, copies);
}
