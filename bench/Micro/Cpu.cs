namespace VhostNet.Micro;

/// <summary>Which processors the process may use, and putting a thread on one.</summary>
internal static class Cpu
{
    /// <summary>The processors that the process may use, lowest first.</summary>
    public static IReadOnlyList<int> Allowed { get; } = ReadAllowed();

    /// <summary>Binds the calling thread; best effort.</summary>
    public static void Pin(int cpu) => _ = sched_setaffinity(cpu);

    /// <summary>Lets the calling thread run where the process may.</summary>
    public static unsafe void Unpin()
    {
        var set = default(cpu_set_t);
        foreach (int cpu in Allowed)
        {
            CPU_SET(cpu, ref set);
        }

        _ = sched_setaffinity(0, (nuint)sizeof(cpu_set_t), &set);
    }

    private static List<int> ReadAllowed()
    {
        var cpus = new List<int>();
        if (sched_getaffinity(out cpu_set_t set) < 0)
        {
            return [0];
        }

        for (int cpu = 0; cpu < 1024; cpu++)
        {
            if (CPU_ISSET(cpu, set))
            {
                cpus.Add(cpu);
            }
        }

        return cpus;
    }
}
