namespace VhostNet.LibC;

/// <content>signal.h</content>
public static partial class LibC
{
    /// <summary>Terminal hung up.</summary>
    public static int SIGHUP => Base.SIGHUP;

    /// <summary>Interrupt.</summary>
    public static int SIGINT => Base.SIGINT;

    /// <summary>Kill at once.</summary>
    public const int SIGKILL = 9;

    /// <summary>Write without a reader.</summary>
    public static int SIGPIPE => Base.SIGPIPE;

    /// <summary>Terminate.</summary>
    public const int SIGTERM = 15;

    /// <summary>Go on after a stop.</summary>
    public static int SIGCONT => Base.SIGCONT;

    /// <summary>Stop, until SIGCONT.</summary>
    public static int SIGSTOP => Base.SIGSTOP;

    /// <summary>Access beyond a file's end.</summary>
    public static int SIGBUS => Base.SIGBUS;

    /// <summary>Access to memory that is not there.</summary>
    public static int SIGSEGV => Base.SIGSEGV;

    /// <summary>Sends a signal.</summary>
    public static int kill(int pid, int sig) => Base.kill(pid, sig);
}
