using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>signal.h</content>
public static partial class LibC
{
    /// <summary>Terminal hung up.</summary>
    public const int SIGHUP = 1;

    /// <summary>Interrupt.</summary>
    public const int SIGINT = 2;

    /// <summary>Kill at once.</summary>
    public const int SIGKILL = 9;

    /// <summary>Write without a reader.</summary>
    public const int SIGPIPE = 13;

    /// <summary>Terminate.</summary>
    public const int SIGTERM = 15;

    /// <summary>Go on after a stop.</summary>
    public const int SIGCONT = 18;

    /// <summary>Stop, until SIGCONT.</summary>
    public const int SIGSTOP = 19;

    /// <summary>Access beyond a file's end.</summary>
    public const int SIGBUS = 7;

    /// <summary>Access to memory that is not there.</summary>
    public const int SIGSEGV = 11;

    /// <summary>Sends a signal.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int kill(int pid, int sig);
}
