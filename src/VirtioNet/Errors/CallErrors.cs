namespace VhostNet.VirtioNet.Errors;

/// <summary>How often which system call of a port met which error: one counter for each pair. Any thread.</summary>
public sealed class CallErrors
{
    /// <summary>Number of <see cref="CallKind"/>s.</summary>
    public const int CallKinds = (int)CallKind.NetlinkReceive + 1;

    private readonly long[] _counts = new long[CallKinds * ErrnoNames.Count];
    private readonly long[] _noticedNs = new long[CallKinds];
    private long _total;

    /// <summary>All errors so far.</summary>
    public long Total => Interlocked.Read(ref _total);

    /// <summary>How often a call met an error number.</summary>
    public long this[CallKind call, int number] => Volatile.Read(ref _counts[IndexOf(call, number)]);

    /// <summary>Counts an error. The kernel knows no number outside the table; should it ever, it is counted as 0.</summary>
    internal void Count(CallKind call, Errno why)
    {
        Interlocked.Increment(ref _counts[IndexOf(call, why.Value)]);
        Interlocked.Increment(ref _total);
    }

    /// <summary>When the errors of a call were last in the log, by the monotonic clock; 0 for never.</summary>
    internal ref long NoticedNs(CallKind call) => ref _noticedNs[(int)call];

    private static int IndexOf(CallKind call, int number) => ((int)call * ErrnoNames.Count) + ((uint)number < (uint)ErrnoNames.Count ? number : 0);
}
