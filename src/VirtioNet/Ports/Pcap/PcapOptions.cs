using VhostNet.VirtioNet.Captures;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>What a <see cref="PcapPort"/> reads and writes.</summary>
public sealed record PcapOptions
{
    /// <summary>The file whose frames are sent, or null.</summary>
    public string? Replay { get; init; }

    /// <summary>How fast: 1 as recorded, 2 twice as fast, 0 as fast as the receiver takes the frames.</summary>
    public double Speed { get; init; } = 1;

    /// <summary>How often the file is sent; 0 for no end.</summary>
    public long Loops { get; init; } = 1;

    /// <summary>The file that frames delivered to the port are recorded in, or null to swallow them.</summary>
    public string? Capture { get; init; }

    /// <summary>How they are recorded.</summary>
    public PcapFileOptions CaptureOptions { get; init; } = new();
}
