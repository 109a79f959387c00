namespace VhostNet.LibC;

/// <summary>System calls and kernel constants, one file per C header, under their kernel names. This file: errno.h.</summary>
public static partial class LibC
{
    /// <summary>Interrupted system call.</summary>
    public const int EINTR = 4;
}
