using System.Diagnostics;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Counts work where it is done, in debug builds (or with the constant WORK_WITNESS) only: the other witness against which tests hold what was taken from a
/// turn's budget, so that a loop which forgets to take is found. Each thread has its own.
/// </summary>
internal static class WorkWitness
{
    [ThreadStatic]
    private static Counts s_counts;

    /// <summary>True when this build counts.</summary>
    public static bool IsOn
    {
        get
        {
            bool on = false;
            TurnOn(ref on);
            return on;
        }
    }

    /// <summary>What this thread has done since <see cref="Reset"/>.</summary>
    public static Counts Present => s_counts;

    /// <summary>Begins anew.</summary>
    public static void Reset() => s_counts = default;

    /// <summary>A descriptor is read from guest memory.</summary>
    [Conditional("DEBUG")]
    [Conditional("WORK_WITNESS")]
    public static void Descriptor() => s_counts.Descriptors++;

    /// <summary>A piece of memory is copied.</summary>
    [Conditional("DEBUG")]
    [Conditional("WORK_WITNESS")]
    public static void Copy(uint bytes)
    {
        s_counts.Copies++;
        s_counts.CopiedBytes += bytes;
    }

    /// <summary>A piece of memory is summed up for a checksum.</summary>
    [Conditional("DEBUG")]
    [Conditional("WORK_WITNESS")]
    public static void Sum(uint bytes)
    {
        s_counts.Sums++;
        s_counts.SummedBytes += bytes;
    }

    [Conditional("DEBUG")]
    [Conditional("WORK_WITNESS")]
    private static void TurnOn(ref bool on) => on = true;

    /// <summary>Work by kind.</summary>
    public struct Counts
    {
        /// <summary>Descriptors read.</summary>
        public long Descriptors;

        /// <summary>Pieces copied.</summary>
        public long Copies;

        /// <summary>Bytes of those.</summary>
        public long CopiedBytes;

        /// <summary>Pieces summed.</summary>
        public long Sums;

        /// <summary>Bytes of those.</summary>
        public long SummedBytes;
    }
}
