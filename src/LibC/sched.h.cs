using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>A set of up to 1024 processors.</summary>
[StructLayout(LayoutKind.Sequential)]
[CLayout("cpu_set_t")]
public unsafe struct cpu_set_t
{
    /// <summary>One bit for each processor.</summary>
    public fixed ulong __bits[16];
}

/// <content>sched.h</content>
public static unsafe partial class LibC
{
    /// <summary>Time sharing.</summary>
    public const int SCHED_OTHER = 0;

    /// <summary>Real time, first in first out.</summary>
    public const int SCHED_FIFO = 1;

    /// <summary>Real time, round robin.</summary>
    public const int SCHED_RR = 2;

    /// <summary>A new network namespace.</summary>
    public const int CLONE_NEWNET = 0x40000000;

    /// <summary>A new mount namespace.</summary>
    public const int CLONE_NEWNS = 0x20000;

    /// <summary>A new user namespace.</summary>
    public const int CLONE_NEWUSER = 0x10000000;

    /// <summary>Sets the processors of a thread (0: the caller).</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_setaffinity(int pid, nuint cpusetsize, cpu_set_t* mask);

    /// <summary>Gets the processors of a thread (0: the caller).</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_getaffinity(int pid, nuint cpusetsize, cpu_set_t* mask);

    /// <summary>Enters a namespace.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int setns(int fd, int nstype);

    /// <summary>Leaves shared namespaces.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int unshare(int flags);

    /// <summary>Gives the processor away.</summary>
    [LibraryImport("libc")]
    public static partial int sched_yield();

    /// <summary>Adds a processor to a set.</summary>
    public static void CPU_SET(int cpu, ref cpu_set_t set)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)cpu, 1023u);
        set.__bits[cpu / 64] |= 1UL << (cpu % 64);
    }

    /// <summary>Whether a processor is in a set.</summary>
    public static bool CPU_ISSET(int cpu, in cpu_set_t set) => (uint)cpu < 1024 && (set.__bits[cpu / 64] >> (cpu % 64) & 1) != 0;

    /// <summary>Binds the calling thread to one processor.</summary>
    public static int sched_setaffinity(int cpu)
    {
        cpu_set_t set = default;
        CPU_SET(cpu, ref set);
        return sched_setaffinity(0, (nuint)sizeof(cpu_set_t), &set);
    }

    /// <summary>Gets the calling thread's processors.</summary>
    public static int sched_getaffinity(out cpu_set_t set)
    {
        cpu_set_t local = default;
        int r = sched_getaffinity(0, (nuint)sizeof(cpu_set_t), &local);
        set = local;
        return r;
    }
}
