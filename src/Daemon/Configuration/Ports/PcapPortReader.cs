using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Ports.Pcap;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>pcap</c> port.</summary>
internal static class PcapPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static PcapOptions Read(ConfigSection section)
    {
        var defaults = new PcapOptions();
        string? replay = section.Text("replay");
        string? capture = section.Text("capture");
        var options = new PcapOptions
        {
            Replay = replay is null ? null : Path.GetFullPath(replay),
            Speed = section.Real("speed", 0, 1_000_000) ?? defaults.Speed,
            Loops = section.Number("loops", 0, long.MaxValue) ?? defaults.Loops,
            Capture = capture is null ? null : Path.GetFullPath(capture),
            CaptureOptions = new PcapFileOptions
            {
                SnapLength = section.Int("snapLength", 64, 262144) ?? defaults.CaptureOptions.SnapLength,
                SizeLimit = section.Number("sizeLimit", 0, long.MaxValue) ?? defaults.CaptureOptions.SizeLimit,
            },
        };
        return section.HasAny("replay", "capture")
            ? options
            : throw section.Error("replay", "is missing, and so is \"capture\"; a pcap port needs a file to replay, a file to capture to, or both");
    }
}
