using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>sys/prctl.h</content>
public static unsafe partial class LibC
{
    /// <summary>Signal on the parent's death.</summary>
    public const int PR_SET_PDEATHSIG = 1;

    /// <summary>Whether a core may be dumped.</summary>
    public const int PR_SET_DUMPABLE = 4;

    /// <summary>Name of the thread.</summary>
    public const int PR_SET_NAME = 15;

    /// <summary>Name of the thread.</summary>
    public const int PR_GET_NAME = 16;

    /// <summary>No new privileges through exec.</summary>
    public const int PR_SET_NO_NEW_PRIVS = 38;

    /// <summary>Slack of timers in nanoseconds.</summary>
    public const int PR_SET_TIMERSLACK = 29;

    /// <summary>Slack of timers in nanoseconds.</summary>
    public const int PR_GET_TIMERSLACK = 30;

    /// <summary>Operations on the process or the thread.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int prctl(int option, nuint arg2, nuint arg3 = 0, nuint arg4 = 0, nuint arg5 = 0);

    /// <summary>PR_SET_NAME: names the calling thread; the kernel keeps 15 bytes.</summary>
    public static int prctl_set_name(string name)
    {
        Span<byte> bytes = stackalloc byte[64];
        System.Text.Encoding.UTF8.TryGetBytes(name, bytes[..^1], out _);
        bytes[15] = 0;
        fixed (byte* p = bytes)
        {
            return prctl(PR_SET_NAME, (nuint)p);
        }
    }
}
