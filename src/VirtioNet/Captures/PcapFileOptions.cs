namespace VhostNet.VirtioNet.Captures;

/// <summary>What a <see cref="PcapFile"/> keeps.</summary>
public sealed record PcapFileOptions
{
    /// <summary>Bytes kept of each frame, from its begin.</summary>
    public int SnapLength { get; init; } = 262144;

    /// <summary>Bytes after which the file is full and further frames are counted as dropped; 0 for no limit.</summary>
    public long SizeLimit { get; init; }

    /// <summary>Frames after which the file is full and further frames are counted as dropped; 0 for no limit.</summary>
    public long FrameLimit { get; init; }

    /// <summary>
    /// Whether a file that is there already may be lost whatever is in it, as long as it is ours. Otherwise it must be empty or itself a capture.
    /// </summary>
    public bool Overwrite { get; init; }

    /// <summary>Bytes of frames that may wait to be written; what does not fit is counted as dropped.</summary>
    public int QueueBytes { get; init; } = 8 << 20;
}
