namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// What one turn of a loop may do before other handlers get theirs. Work is counted, not timed, in nominal nanoseconds: what each kind of step takes on a slow
/// machine, so that a turn is a millisecond at most whatever a guest put into its rings. Every loop over what a guest or a peer controls takes from one budget,
/// the budget of the turn that it runs in; when it is spent the loop ends and the turn is taken up again later.
/// </summary>
/// <remarks>
/// A value that its turn owns and passes by reference. It may be overdrawn by the step that was begun last; <see cref="StepMax"/> bounds that.
/// </remarks>
public struct TurnBudget
{
    /// <summary>A whole turn: one nominal millisecond.</summary>
    public const int Turn = 1_000_000;

    /// <summary>One descriptor (virtio 1.3 sections 2.7.5 and 2.8.5) read, checked and translated.</summary>
    public const int DescriptorCost = 16;

    /// <summary>One chain peeked or completed, or one frame looked at by a network.</summary>
    public const int ChainCost = 48;

    /// <summary>One frame or segment delivered to one receiver, besides its bytes.</summary>
    public const int CopyCost = 64;

    /// <summary>Bytes copied or summed in one nominal nanosecond.</summary>
    public const int BytesPerUnit = 8;

    /// <summary>One malformed chain given back: more than a good one, as no driver makes one.</summary>
    public const int MalformedCost = 256;

    /// <summary>One system call that moves frames or messages, besides their bytes.</summary>
    public const int CallCost = 1_000;

    /// <summary>The most that one step may overdraw: a chain of the longest ring, and a frame of 64 KiB for one receiver.</summary>
    public const int StepMax = (32_768 * DescriptorCost) + (65_536 / BytesPerUnit) + (64 * CopyCost);

    /// <summary>Bytes of a burst, overrun by a frame: summed and copied they cost less than three quarters of a turn.</summary>
    public const int BurstBytesMax = Turn / 4 * BytesPerUnit;

    private long _left;

    /// <summary>A budget of so many nominal nanoseconds.</summary>
    public TurnBudget(int units) => _left = units;

    /// <summary>A fresh turn.</summary>
    public static TurnBudget Full => new(Turn);

    /// <summary>True when the turn must end.</summary>
    public readonly bool IsSpent => _left <= 0;

    /// <summary>What is left; negative when the last step overdrew it.</summary>
    public readonly long Left => _left;

    /// <summary>What was taken from a full turn.</summary>
    public readonly long Spent => Turn - _left;

    /// <summary>Takes nominal nanoseconds that none of the kinds below name.</summary>
    public void Take(long units) => _left -= units;

    /// <summary>Takes descriptors that were read.</summary>
    public void TakeDescriptors(int count) => _left -= (long)count * DescriptorCost;

    /// <summary>Takes chains that were peeked, completed or looked at.</summary>
    public void TakeChains(int count) => _left -= (long)count * ChainCost;

    /// <summary>Takes deliveries: frames or segments times receivers, and the bytes of all of them together.</summary>
    public void TakeCopies(int count, long bytes) => _left -= ((long)count * CopyCost) + (bytes / BytesPerUnit);

    /// <summary>Takes malformed chains.</summary>
    public void TakeMalformed(int count) => _left -= (long)count * MalformedCost;

    /// <summary>Takes system calls and the bytes that they moved.</summary>
    public void TakeCalls(int count, long bytes) => _left -= ((long)count * CallCost) + (bytes / BytesPerUnit);
}
