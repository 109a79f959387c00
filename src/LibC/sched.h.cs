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
    public static int SCHED_OTHER => Base.SCHED_OTHER;

    /// <summary>Real time, first in first out.</summary>
    public static int SCHED_FIFO => Base.SCHED_FIFO;

    /// <summary>Real time, round robin.</summary>
    public static int SCHED_RR => Base.SCHED_RR;

    /// <summary>A new network namespace.</summary>
    public static int CLONE_NEWNET => Base.CLONE_NEWNET;

    /// <summary>A new mount namespace.</summary>
    public static int CLONE_NEWNS => Base.CLONE_NEWNS;

    /// <summary>A new user namespace.</summary>
    public static int CLONE_NEWUSER => Base.CLONE_NEWUSER;

    /// <summary>Sets the processors of a thread (0: the caller).</summary>
    public static int sched_setaffinity(int pid, nuint cpusetsize, cpu_set_t* mask) =>
        Base.sched_setaffinity(pid, (Tmds.Linux.size_t)cpusetsize, (Tmds.Linux.cpu_set_t*)mask);

    /// <summary>Gets the processors of a thread (0: the caller).</summary>
    public static int sched_getaffinity(int pid, nuint cpusetsize, cpu_set_t* mask) =>
        Base.sched_getaffinity(pid, (Tmds.Linux.size_t)cpusetsize, (Tmds.Linux.cpu_set_t*)mask);

    /// <summary>Enters a namespace.</summary>
    public static int setns(int fd, int nstype) => Base.setns(fd, nstype);

    /// <summary>Leaves shared namespaces.</summary>
    public static int unshare(int flags) => Base.unshare(flags);

    /// <summary>Gives the processor away.</summary>
    public static int sched_yield() => Base.sched_yield();

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
