using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.AfPacket;

/// <summary>Which interface an <see cref="AfPacketPort"/> uses.</summary>
public sealed record AfPacketOptions
{
    /// <summary>Name of the interface; any kind that carries Ethernet frames.</summary>
    public required string Interface { get; init; }

    /// <summary>Sockets that share the interface's frames by flow, 1 to 64.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Whether frames to other stations are received too.</summary>
    public bool Promiscuous { get; init; } = true;

    /// <summary>
    /// Whether frames with offloads are given to the interface; false finishes them before. Frames that it receives may have them in any case.
    /// </summary>
    public bool Offloads { get; init; } = true;

    /// <summary>Whether frames go straight to the driver, past the interface's queueing discipline.</summary>
    public bool QdiscBypass { get; init; } = true;

    /// <summary>How long frames that come in wait for a guest that is gone, before they are read and thrown away.</summary>
    public TimeSpan Hold { get; init; } = Port.DefaultHoldTime;
}
