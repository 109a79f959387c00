namespace VhostNet.Fuzz.Frames;

/// <summary>The VLANs that play a part.</summary>
internal static class FrameVlans
{
    public static readonly ushort[] All = [0, 1, 5, 7, 4094, 4095];

    /// <summary>Those that a port can carry, without the one of untagged frames.</summary>
    public static readonly ushort[] Numbered = [1, 5, 7, 4094];
}
