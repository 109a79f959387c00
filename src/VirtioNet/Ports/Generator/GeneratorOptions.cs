using System.Net;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Ports.Generator;

/// <summary>What a <see cref="GeneratorPort"/> sends.</summary>
public sealed record GeneratorOptions
{
    /// <summary>Bytes of a frame from the destination address to the end of the payload, without check sequence: 60 to 65535.</summary>
    public int FrameSize { get; init; } = 64;

    /// <summary>Frames per second; 0 for as many as the receiver takes.</summary>
    public long Rate { get; init; }

    /// <summary>Frames to send altogether; 0 for no end.</summary>
    public long Count { get; init; }

    /// <summary>Ethernet address that the frames come from.</summary>
    public MacAddress SourceMac { get; init; } = new(0x0276_6e00_0001);

    /// <summary>Ethernet address that the frames go to.</summary>
    public MacAddress DestinationMac { get; init; } = new(0x0276_6e00_0002);

    /// <summary>IPv4 address that the frames come from.</summary>
    public IPAddress Source { get; init; } = IPAddress.Parse("198.18.0.1");

    /// <summary>IPv4 address that the frames go to (the default is from RFC 2544's range for such tests).</summary>
    public IPAddress Destination { get; init; } = IPAddress.Parse("198.19.0.1");

    /// <summary>UDP port on both sides.</summary>
    public int UdpPort { get; init; } = 9;
}
