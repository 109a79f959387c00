namespace VhostNet.LibC;

/// <content>linux/magic.h</content>
public static partial class LibC
{
    /// <summary>f_type of hugetlbfs.</summary>
    public const uint HUGETLBFS_MAGIC = 0x958458f6;

    /// <summary>f_type of tmpfs.</summary>
    public const int TMPFS_MAGIC = 0x1021994;
}
