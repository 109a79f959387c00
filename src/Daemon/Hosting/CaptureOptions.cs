using VhostNet.Daemon.Configuration;
using VhostNet.VirtioNet.Captures;

namespace VhostNet.Daemon.Hosting;

/// <summary>What a capture records, and when it ends by itself.</summary>
/// <param name="File">Absolute path of the file, which is written anew.</param>
internal sealed record CaptureOptions(string File)
{
    /// <summary>Ends after this many frames; 0 for no limit.</summary>
    public long Frames { get; init; }

    /// <summary>Ends when the file has this many bytes; 0 for no limit.</summary>
    public long Bytes { get; init; }

    /// <summary>Ends after this many seconds; 0 for no limit.</summary>
    public int Seconds { get; init; }

    /// <summary>Bytes kept of each frame.</summary>
    public int SnapLength { get; init; } = 262144;

    /// <summary>Whether a file that is no capture may be lost for it.</summary>
    public bool Overwrite { get; init; }

    /// <summary>How the file is written.</summary>
    public PcapFileOptions FileOptions => new() { SnapLength = SnapLength, SizeLimit = Bytes, FrameLimit = Frames, Overwrite = Overwrite };

    /// <summary>Reads a request's body.</summary>
    /// <exception cref="ConfigException">It is wrong.</exception>
    public static CaptureOptions Read(ConfigSection section)
    {
        string file = section.RequiredText("file", "where the capture is written, an absolute path on the daemon's machine");
        CaptureOptions options = ReadLimits(section, file) with { Overwrite = section.Switch("overwrite") ?? false };
        section.End();
        return Path.IsPathRooted(file) ? options : throw section.Error("file", $"\"{file}\" is no absolute path; the daemon's working directory is not yours");
    }

    /// <summary>Reads the parameters of a request whose answer is the capture itself.</summary>
    /// <param name="section">The parameters.</param>
    /// <param name="name">What stands for the file's name in the status and in messages.</param>
    /// <exception cref="ConfigException">They are wrong.</exception>
    public static CaptureOptions ReadStream(ConfigSection section, string name)
    {
        CaptureOptions options = ReadLimits(section, name);
        section.End();
        return options;
    }

    private static CaptureOptions ReadLimits(ConfigSection section, string file) => new(file)
    {
        Frames = section.Number("frames", 1, long.MaxValue) ?? 0,
        Bytes = section.Number("bytes", 1024, long.MaxValue) ?? 0,
        Seconds = section.Int("seconds", 1, 7 * 24 * 3600) ?? 0,
        SnapLength = section.Int("snapLength", 64, 262144) ?? 262144,
    };
}
