using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>What kind of guest takes part in a case.</summary>
internal sealed record FrameGuestSpec
{
    private const ulong Rings = VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX;

    private const ulong ModernRings = VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER;

    private const ulong Card = VirtioNetFeatures.CSUM | VirtioNetFeatures.MRG_RXBUF | VirtioNetFeatures.HOST_TSO4 | VirtioNetFeatures.HOST_TSO6 | VirtioNetFeatures.HOST_ECN
        | VirtioNetFeatures.HOST_USO;

    private const ulong Receiving = VirtioNetFeatures.GUEST_TSO4 | VirtioNetFeatures.GUEST_TSO6 | VirtioNetFeatures.GUEST_ECN | VirtioNetFeatures.GUEST_USO4
        | VirtioNetFeatures.GUEST_USO6;

    /// <summary>What its driver acknowledged.</summary>
    public ulong Features { get; private init; }

    /// <summary>A legacy guest of the byte order that this machine does not have.</summary>
    public bool SwapBytes { get; private init; }

    public int ReceiveRing { get; private init; }

    public int TransmitRing { get; private init; }

    /// <summary>Bytes for receive buffers.</summary>
    public int InboxSize { get; private init; }

    /// <summary>Bytes for frames that it sends.</summary>
    public int OutboxSize { get; private init; }

    /// <summary>Receive buffers may take several descriptors of the ring, of which the ring then holds fewer.</summary>
    public bool MayScatter { get; private init; }

    /// <summary>Someone who sends much.</summary>
    public static FrameGuestSpec Attacker(Random random, bool wire) =>
        Any(random, wire) with { ReceiveRing = 16, TransmitRing = random.Pick(32, 64, 256), InboxSize = 128 << 10, OutboxSize = 512 << 10 };

    /// <summary>Someone who receives much.</summary>
    public static FrameGuestSpec Receiver(Random random, bool wire) =>
        Any(random, wire) with { ReceiveRing = random.Pick(8, 16, 64, 256), TransmitRing = 32, InboxSize = (random.OneIn(4) ? 640 : 192) << 10, OutboxSize = 32 << 10 };

    private static FrameGuestSpec Any(Random random, bool wire)
    {
        ulong features = AnyFeatures(random);

        // On a wire a receiver holds its sender back until there are buffers for the next frame. It has to show that it will never have more, by a full ring.
        bool swaps = (features & VirtioFeatures.VERSION_1) == 0 && random.OneIn(2);
        return new FrameGuestSpec { Features = features, SwapBytes = swaps, MayScatter = !wire || (features & VirtioNetFeatures.MRG_RXBUF) == 0 };
    }

    private static ulong AnyFeatures(Random random)
    {
        ulong any = (ulong)random.NextInt64();
        ulong features = any & (Rings | Card);
        if (!random.OneIn(4))
        {
            features |= VirtioFeatures.VERSION_1 | (any & ModernRings);
        }

        if (random.OneIn(2))
        {
            // A driver that takes segments takes partial checksums too (section 5.1.3.1).
            features |= VirtioNetFeatures.GUEST_CSUM | (any & Receiving);
        }

        return features;
    }
}
