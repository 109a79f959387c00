using System.Globalization;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Throughput;

/// <summary>One point of the matrix: what the front end negotiates and sends.</summary>
internal sealed record BenchCase(Topology Topology, bool Packed, int Size)
{
    /// <summary>Frames that circulate on each queue pair when nothing else is said: as many as a ring holds.</summary>
    public const int FullRing = 1024;

    /// <summary>Bytes of a frame that the front end puts into one buffer at most; a longer frame takes several.</summary>
    public const int BufferSize = 2000;

    /// <summary>Frames of 9000 bytes that circulate: their buffers fit in a ring, so that no back end has to drop any.</summary>
    public const int JumboInFlight = 192;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF (virtio specification 5.1.3).</summary>
    private const ulong MergeableBit = 1 << 15;

    /// <summary>VIRTIO_F_IN_ORDER is negotiated.</summary>
    public bool InOrder { get; init; }

    /// <summary>VIRTIO_NET_F_MRG_RXBUF is negotiated.</summary>
    public bool Mergeable { get; init; } = true;

    /// <summary>Frames that circulate on each queue pair.</summary>
    public int InFlight { get; init; } = FullRing;

    /// <summary>Queue pairs of each port.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>The name, from the parts that are not as usual.</summary>
    public string Name => string.Join('-', Parts());

    /// <summary>Ports of the front end.</summary>
    public int Ports => Topology switch
    {
        Topology.Hairpin => 1,
        Topology.Switch64 => 32,
        _ => 2,
    };

    /// <summary>Descriptors of each ring.</summary>
    public int RingSize => Topology == Topology.Switch64 ? 256 : FullRing;

    /// <summary>The features as arguments of DPDK's virtio-user device; all are said, whatever its defaults are.</summary>
    public string DeviceArguments => string.Create(
        CultureInfo.InvariantCulture,
        $",queues={QueuePairs},packed_vq={(Packed ? 1 : 0)},in_order={(InOrder ? 1 : 0)},mrg_rxbuf={(Mergeable ? 1 : 0)}");

    /// <summary>
    /// The feature bits that tell cases apart, as they have to be negotiated: VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER, VIRTIO_NET_F_MRG_RXBUF.
    /// </summary>
    public ulong Features =>
        (Packed ? VirtioFeatures.RING_PACKED : 0) | (InOrder ? VirtioFeatures.IN_ORDER : 0) | (Mergeable ? MergeableBit : 0);

    /// <summary>All bits that <see cref="Features"/> may have.</summary>
    public static ulong FeatureMask => VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER | MergeableBit;

    private IEnumerable<string> Parts()
    {
        yield return Topology.ToString().ToLowerInvariant();
        yield return Packed ? "packed" : "split";
        if (InOrder)
        {
            yield return "inorder";
        }

        if (!Mergeable)
        {
            yield return "nomrg";
        }

        yield return Size.ToString(CultureInfo.InvariantCulture);
        if (InFlight != FullRing)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"flight{InFlight}");
        }

        if (QueuePairs != 1)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"q{QueuePairs}");
        }
    }
}
