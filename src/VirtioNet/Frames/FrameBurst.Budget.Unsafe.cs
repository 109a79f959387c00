using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <content>What frames cost.</content>
public sealed unsafe partial class FrameBurst
{
    /// <summary>Nobody has added up what the frames hold: more than any budget lasts for.</summary>
    private const long UnknownBytes = 1L << 60;

    /// <summary>
    /// True when the frames' source comes again, at once, with those that a spent <see cref="Budget"/> left, so that nobody drops them for that. Set by the
    /// network.
    /// </summary>
    public bool ComesAgain { get; set; }

    /// <summary>Goes on with the turn of another burst, whose frames these are in another form. The budget is to be given back to it afterwards.</summary>
    internal void ContinueTurn(FrameBurst source)
    {
        Budget = source.Budget;
        ComesAgain = source.ComesAgain;
    }

    /// <summary>
    /// What all frames hold together at most, when whoever filled the burst has added it up; frames only become shorter after that. <see cref="UnknownBytes"/>
    /// otherwise.
    /// </summary>
    internal long BytesAtMost { get; set; } = UnknownBytes;

    /// <summary>Makes sure that a delivery took what it costs at least: receivers that know it better took more already.</summary>
    /// <param name="before">What was left of the budget before the delivery.</param>
    /// <param name="delivered">The frames.</param>
    /// <param name="bytesAtMost">What they hold at most, as far as the caller knows; they are added up only when more may be owed.</param>
    internal void ChargeDelivery(long before, ReadOnlySpan<ushort> delivered, long bytesAtMost)
    {
        long taken = before - Budget.Left - ((long)delivered.Length * TurnBudget.CopyCost);
        if (taken >= bytesAtMost / TurnBudget.BytesPerUnit)
        {
            return;
        }

        long owed = (LengthOf(delivered) / TurnBudget.BytesPerUnit) - taken;
        if (owed > 0)
        {
            Budget.Take(owed);
        }
    }

    /// <summary>True when the budget surely lasts for giving so many of the frames to one receiver; <see cref="Affordable"/> looks closer.</summary>
    internal bool IsSurelyAffordable(int frames) => ((long)frames * TurnBudget.CopyCost) + (BytesAtMost / TurnBudget.BytesPerUnit) < Budget.Left;

    /// <summary>
    /// How many frames, from the first, one receiver can be given before the turn's budget is spent: one at least, so that each turn gets on.
    /// </summary>
    /// <param name="frames">Indices into the burst.</param>
    /// <param name="bytes">The bytes of those frames together.</param>
    /// <returns>Their number; it may overdraw the budget by one frame.</returns>
    // SAFETY: each index is that of a frame of the burst, below FramesMax, as in every selection of frames; CheckLast looks at the highest.
    internal int Affordable(ReadOnlySpan<ushort> frames, out long bytes)
    {
        CheckLast(frames);
        Chain* chains = Chains.Chains;
        long sum = 0;
        long most = (Budget.Left - ((long)frames.Length * TurnBudget.CopyCost)) * TurnBudget.BytesPerUnit;
        int count = 0;
        while (count < frames.Length && (sum < most || count == 0))
        {
            sum += chains[frames[count++]].TotalLength;
        }

        bytes = sum;
        return count == frames.Length ? count : AffordableExactly(frames, out bytes);
    }

    /// <summary>The bytes of a selection of frames.</summary>
    // SAFETY: as Affordable.
    internal long LengthOf(ReadOnlySpan<ushort> frames)
    {
        CheckLast(frames);
        Chain* chains = Chains.Chains;
        long sum = 0;
        foreach (ushort frame in frames)
        {
            sum += chains[frame].TotalLength;
        }

        return sum;
    }

    // SAFETY: as Affordable, which checked the indices.
    private int AffordableExactly(ReadOnlySpan<ushort> frames, out long bytes)
    {
        Chain* chains = Chains.Chains;
        long left = Budget.Left * TurnBudget.BytesPerUnit;
        int count = 0;
        bytes = 0;
        do
        {
            uint length = chains[frames[count++]].TotalLength;
            bytes += length;
            left -= (TurnBudget.CopyCost * TurnBudget.BytesPerUnit) + length;
        }
        while (count < frames.Length && left > 0);
        return count;
    }

    private static void CheckLast(ReadOnlySpan<ushort> frames)
    {
        if (!frames.IsEmpty)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(frames[^1], FramesMax, nameof(frames));
        }
    }
}
