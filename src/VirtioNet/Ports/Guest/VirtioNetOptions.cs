namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>How a guest's network card is offered.</summary>
public sealed record VirtioNetOptions
{
    /// <summary>Most queue pairs that virtio allows here (max_virtqueue_pairs of QEMU and DPDK).</summary>
    public const int QueuePairsMax = 128;

    /// <summary>Queue pairs offered, 1 to 128.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>Features that are not offered although the device has them.</summary>
    public ulong DisabledFeatures { get; init; }

    /// <summary>Features that are offered although they are none of those that are by default (<see cref="VirtioNetFeatures.OnRequest"/>).</summary>
    public ulong RequestedFeatures { get; init; }

    /// <summary>The MTU told to the guest through configuration space, 68 to 65535, or null for the default of 1500.</summary>
    public int? Mtu { get; init; }

    /// <summary>
    /// Short frames that a guest with packed rings receives are moved to the cache that all CPUs share, where the CPU has an instruction for it. Worth it
    /// unless the guest's CPU and the back end's are two threads of one core.
    /// </summary>
    public bool CacheDemotion { get; init; } = true;

    /// <summary>
    /// The card's MAC address in its first six bytes, little-endian, for front ends that read configuration space; 0 when the front end chooses.
    /// </summary>
    public ulong MacAddress { get; init; }
}
