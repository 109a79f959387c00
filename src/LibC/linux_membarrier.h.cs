namespace VhostNet.LibC;

/// <content>linux/membarrier.h</content>
public static partial class LibC
{
    /// <summary>Which commands are there.</summary>
    public const int MEMBARRIER_CMD_QUERY = 0;

    /// <summary>Barrier on every thread.</summary>
    public const int MEMBARRIER_CMD_GLOBAL = 1;

    /// <summary>Barrier on this process's threads, quickly.</summary>
    public const int MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8;

    /// <summary>Register for the above.</summary>
    public const int MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 0x10;

    /// <summary>Runs a memory barrier on other threads.</summary>
    public static int membarrier(int cmd, uint flags, int cpu_id) =>
        (int)syscall(IsX64 ? x86_64.SYS_membarrier : aarch64.SYS_membarrier, cmd, (nint)flags, cpu_id, 0, 0, 0);
}
