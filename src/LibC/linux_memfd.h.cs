namespace VhostNet.LibC;

/// <content>linux/memfd.h</content>
public static partial class LibC
{
    /// <summary>Huge pages of 2 MiB.</summary>
    public const uint MFD_HUGE_2MB = 0x54000000;

    /// <summary>Huge pages of 1 GiB.</summary>
    public const uint MFD_HUGE_1GB = 0x78000000;
}
