using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Which tap interface a <see cref="TapPort"/> opens, and how it sets it up.</summary>
public sealed record TapOptions
{
    /// <summary>
    /// Name of the interface: an existing tap is opened, a missing one is created and goes with the port. A name with %d gets a number from the kernel; unused
    /// with <see cref="Descriptors"/>.
    /// </summary>
    public string Name { get; init; } = "vhost%d";

    /// <summary>Open descriptors of one tap, one for each queue, instead of a name; the port owns them from then on.</summary>
    public IReadOnlyList<int> Descriptors { get; init; } = [];

    /// <summary>Queues, 1 to 128; more than one needs a tap that was made with multi_queue, if it exists already.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>MTU to be set in bytes; 0 leaves it as it is.</summary>
    public int Mtu { get; init; }

    /// <summary>A Linux bridge that the interface joins, or null.</summary>
    public string? Bridge { get; init; }

    /// <summary>Whether the interface is brought up when it is down.</summary>
    public bool BringUp { get; init; } = true;

    /// <summary>User that may open the interface later, or null; for an interface that outlives the port.</summary>
    public uint? Owner { get; init; }

    /// <summary>Group that may open the interface later, or null.</summary>
    public uint? Group { get; init; }

    /// <summary>Whether offloads pass through (virtio_net_hdr before each frame); false makes every frame complete.</summary>
    public bool Offloads { get; init; } = true;

    /// <summary>Bytes that may wait in the kernel before a sender is held back; 0 for no limit, so that the interface's own queue drops.</summary>
    public int SendBuffer { get; init; }

    /// <summary>How long frames that come in wait for a guest that is gone, before they are read and thrown away.</summary>
    public TimeSpan Hold { get; init; } = Port.DefaultHoldTime;
}
