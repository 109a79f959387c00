using System.Globalization;

namespace VhostNet.Throughput;

/// <summary>One point of the matrix: what the front end negotiates and sends.</summary>
internal sealed record BenchCase(Topology Topology, bool Packed, int Size)
{
    /// <summary>Frames that circulate on each queue pair when nothing else is said: as many as a ring holds.</summary>
    public const int FullRing = 1024;

    /// <summary>Bytes from which a frame does not fit in one buffer of the front end.</summary>
    public const int Jumbo = 2000;

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
    public int Ports => Topology == Topology.Hairpin ? 1 : 2;

    /// <summary>The features as arguments of DPDK's virtio-user device; all are said, whatever its defaults are.</summary>
    public string DeviceArguments => string.Create(
        CultureInfo.InvariantCulture,
        $",queues={QueuePairs},packed_vq={(Packed ? 1 : 0)},in_order={(InOrder ? 1 : 0)},mrg_rxbuf={(Mergeable ? 1 : 0)}");

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
