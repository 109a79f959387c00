namespace VhostNet.LibC;

/// <summary>
/// Keeps the last descriptors of the process for what already runs and for the runtime, which ends the process when it gets none. Whoever is about to keep a
/// descriptor on a stranger's behalf (a guest's flow, a front end's memory, a connection, a capture) asks first and refuses while the reserve is touched. The
/// kernel gives out the lowest free number, so that a number at or above <see cref="Threshold"/> means that all below it are taken. Any thread.
/// </summary>
internal static class DescriptorReserve
{
    /// <summary>Descriptors kept back unless the configuration says otherwise.</summary>
    public const int Default = 128;

    private static int s_limit = ReadLimit();
    private static int s_reserve = Default;
    private static long s_refused;

    /// <summary>
    /// Descriptors that the process may have: RLIMIT_NOFILE's soft limit, which a JIT runtime has raised to the hard one; a native program calls
    /// <see cref="RaiseLimit"/>.
    /// </summary>
    public static int Limit => Volatile.Read(ref s_limit);

    /// <summary>Descriptors kept back: <see cref="Configure"/>'s number, but at most half of the limit.</summary>
    public static int Reserve => Math.Min(Volatile.Read(ref s_reserve), Limit / 2);

    /// <summary>The first number that belongs to the reserve.</summary>
    public static int Threshold => Limit - Reserve;

    /// <summary>How often something was refused. Any thread.</summary>
    public static long Refused => Interlocked.Read(ref s_refused);

    /// <summary>Sets how many are kept back, and reads the process's limit again.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static void Configure(int reserve)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(reserve);
        Volatile.Write(ref s_limit, ReadLimit());
        Volatile.Write(ref s_reserve, reserve);
    }

    /// <summary>True when one more descriptor may be opened on a stranger's behalf. Counts a refusal otherwise. Two system calls.</summary>
    public static bool HasRoom()
    {
        int lowest = LibC.fcntl(0, LibC.F_DUPFD_CLOEXEC, 0);
        if (lowest < 0)
        {
            // No number at all is left, or descriptor 0 is closed: then it is itself the lowest, and there is room.
            if (Errno.Last.Value == LibC.EBADF)
            {
                return true;
            }

            Interlocked.Increment(ref s_refused);
            return false;
        }

        _ = LibC.close(lowest);
        return Admits(lowest);
    }

    /// <summary>
    /// True when a descriptor that was just made, accepted or received does not touch the reserve. Counts a refusal otherwise; the caller closes it then.
    /// </summary>
    /// <param name="fd">Its number.</param>
    public static bool Admits(int fd)
    {
        if (fd < Threshold)
        {
            return true;
        }

        Interlocked.Increment(ref s_refused);
        return false;
    }

    /// <summary>
    /// Raises RLIMIT_NOFILE's soft limit to the hard one, which a JIT runtime does by itself and native code does not. At the program's start.
    /// </summary>
    public static void RaiseLimit()
    {
        var limit = default(rlimit);
        if (LibC.getrlimit(LibC.RLIMIT_NOFILE, ref limit) == 0 && limit.rlim_cur < limit.rlim_max)
        {
            // A refusal leaves the lower limit, which is then what the reserve is measured by.
            limit.rlim_cur = limit.rlim_max;
            _ = LibC.setrlimit(LibC.RLIMIT_NOFILE, in limit);
        }
    }

    private static int ReadLimit()
    {
        var limit = default(rlimit);
        return LibC.getrlimit(LibC.RLIMIT_NOFILE, ref limit) < 0 ? 1024 : (int)Math.Min(limit.rlim_cur, 1 << 30);
    }
}
