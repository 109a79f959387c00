namespace VhostNet.VirtioNet.Frames;

/// <summary>Headers have this machine's byte order: every modern guest's on a little-endian machine, and every legacy one's of the same kind.</summary>
internal readonly struct NativeHeader : IHeaderOrder
{
    public static bool IsNative => true;

    public static ulong OrderLow(ulong low) => low;

    public static uint OrderHigh(uint high) => high;
}
