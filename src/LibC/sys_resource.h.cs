using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>A limit of the process.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct rlimit
{
    /// <summary>The limit in force.</summary>
    public ulong rlim_cur;

    /// <summary>How far it may be raised.</summary>
    public ulong rlim_max;
}

/// <content>sys/resource.h</content>
public static partial class LibC
{
    /// <summary>One more than the highest number of a descriptor.</summary>
    public const int RLIMIT_NOFILE = 7;

    /// <summary>Reads a limit of the process.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int getrlimit(int resource, ref rlimit limit);

    /// <summary>Sets a limit of the process.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int setrlimit(int resource, in rlimit limit);
}
