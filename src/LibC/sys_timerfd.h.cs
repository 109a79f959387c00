using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>First expiry and interval of a timer.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct itimerspec
{
    /// <summary>Interval; 0 fires once.</summary>
    public timespec it_interval;

    /// <summary>First expiry; 0 disarms.</summary>
    public timespec it_value;
}

/// <content>sys/timerfd.h</content>
public static unsafe partial class LibC
{
    /// <summary>Close on exec.</summary>
    public const int TFD_CLOEXEC = 0x80000;

    /// <summary>Never block.</summary>
    public const int TFD_NONBLOCK = 0x800;

    /// <summary>The value is an absolute time.</summary>
    public const int TFD_TIMER_ABSTIME = 1;

    /// <summary>Makes a timer descriptor.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_create(int clockid, int flags);

    /// <summary>Arms or disarms it.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int timerfd_settime(int fd, int flags, itimerspec* new_value, itimerspec* old_value);
}
