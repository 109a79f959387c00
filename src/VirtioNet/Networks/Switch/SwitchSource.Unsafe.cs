using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// A switch's data path for one queue by which frames come in: decides for each frame of a burst who gets it, and gives each receiver its frames in their
/// order, once per burst. A burst that continues the last flow costs one comparison a frame and no look-up. Used by the queue's data thread only.
/// </summary>
internal sealed unsafe partial class SwitchSource : IDisposable, IForgetful
{
    private const int WordsPerBurst = FrameBurst.FramesMax / 64;

    private readonly SwitchNetwork _network;
    private readonly SwitchMacTable _table;
    private readonly SwitchMember _member;
    private readonly Ingress _source;
    private readonly ushort[] _indices = new ushort[FrameBurst.FramesMax];
    private ulong[] _frames = [];
    private ushort[] _touched = [];
    private PairCounts[] _pairs = [];
    private int _touchedCount;
    private SwitchFrameEditor? _guard;
    private SwitchFrameEditor? _editor;

    // Of each frame in the guard: its index in the source's burst.
    private readonly ushort[] _guarded = new ushort[FrameBurst.FramesMax];

    // By frame of the source's burst: why it was refused; 0, which is no reason of a network, for others.
    private readonly DropReason[] _refusals = new DropReason[FrameBurst.FramesMax];
    private readonly SwitchRemainder _remainder = new();

    // The last flow: what its frames begin with and where they go, as long as nothing of this has changed.
    private Vector128<byte> _flowBegin;
    private Vector128<byte> _flowMask;
    private int _flowSlot;
    private SwitchSnapshot? _flowSnapshot;
    private int _flowVersion;
    private uint _flowTick;

    public SwitchSource(SwitchNetwork network, SwitchMember member, Ingress source)
    {
        _network = network;
        _table = network.Table;
        _member = member;
        _source = source;
    }

    /// <summary>True when the port belongs to the switch at the time of the snapshot.</summary>
    public bool IsMemberOf(SwitchSnapshot snapshot) =>
        (uint)_member.Slot < (uint)snapshot.Views.Length && snapshot.Views[_member.Slot]?.Member == _member;

    /// <summary>What went to another port.</summary>
    public SwitchPairCounters Pair(int slot)
    {
        PairCounts[] pairs = Volatile.Read(ref _pairs);
        return slot < pairs.Length ? new SwitchPairCounters(pairs[slot].Frames, pairs[slot].Bytes, pairs[slot].Filtered) : default;
    }

    /// <summary>Forgets the counters of a port that left. Control thread.</summary>
    public void ForgetPair(int slot)
    {
        PairCounts[] pairs = Volatile.Read(ref _pairs);
        if (slot < pairs.Length)
        {
            pairs[slot] = default;
        }
    }

    /// <summary>Gives each frame of a burst to whom it belongs, as far as the turn's budget allows.</summary>
    /// <returns>How many frames, from the first, are done with for all their receivers.</returns>
    public int Forward(SwitchSnapshot snapshot, FrameBurst burst)
    {
        SwitchPortView ingress = snapshot.Views[_member.Slot]!;
        if (_pairs.Length < snapshot.Views.Length)
        {
            Grow(snapshot.Views.Length);
        }

        if (!ingress.LinkEnabled || ingress == snapshot.Mirror)
        {
            _source.Drops.Drop(DropReason.NotRunning, burst.Count);
            _remainder.Clear();
            return burst.Count;
        }

        if (ingress.Pins is not null)
        {
            return ForwardGuarded(snapshot, ingress, burst);
        }

        return TryContinueFlow(snapshot, burst, out int done) ? done : Distribute(snapshot, ingress, burst);
    }

    /// <inheritdoc/>
    public void ForgetHalfSent() => _remainder.Clear();

    public void Dispose()
    {
        _flows.Dispose();
        _guard?.Dispose();
        _editor?.Dispose();
    }

    /// <summary>The common case: every frame belongs to the flow that the last burst ended with.</summary>
    // SAFETY: the index stays below Count; 16 bytes are read only from a first segment that has them.
    private bool TryContinueFlow(SwitchSnapshot snapshot, FrameBurst burst, out int done)
    {
        done = 0;
        if (!ReferenceEquals(_flowSnapshot, snapshot) || _flowVersion != _table.Version || _flowTick != _network.PresentTick || _remainder.Count > 0)
        {
            return false;
        }

        Chain* chain = burst.Chains.Chains;
        Chain* end = chain + burst.Count;
        Vector128<byte> begin = _flowBegin;
        Vector128<byte> mask = _flowMask;
        for (; chain < end; chain++)
        {
            if (chain->SegmentCount == 0 || chain->Length < 16 || (Vector128.Load((byte*)chain->Address) & mask) != begin)
            {
                return false;
            }
        }

        done = snapshot.Views[_flowSlot]!.Port.Egress.Deliver(_source, burst, burst.AllFrames, out long bytes);
        ref PairCounts pair = ref _pairs[_flowSlot];
        pair.Frames += done;
        pair.Bytes += bytes;
        return true;
    }

    /// <summary>Copies the frames' beginnings first, so that what is checked is what is delivered.</summary>
    private int ForwardGuarded(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst)
    {
        SwitchFrameEditor guard = _guard ??= new SwitchFrameEditor();
        _refusals.AsSpan(0, burst.Count).Clear();
        int next = 0;
        do
        {
            next = Guard(guard, ingress.Pins!, burst, next);
            int count = guard.Output.Count;
            if (count == 0)
            {
                _remainder.Clear();
                break;
            }

            guard.Output.ContinueTurn(burst);
            int done = Distribute(snapshot, ingress, guard.Output);
            burst.Budget = guard.Output.Budget;
            if (done < count)
            {
                next = _guarded[done];
                break;
            }
        }
        while (next < burst.Count && !burst.Budget.IsSpent);

        // Only now is it known which frames don't come again.
        CountRefusals(_refusals.AsSpan(0, next));
        return next;
    }

    /// <summary>Fills the guard with frames that may pass, as many as one receiver can be given now; returns the first that is not looked at.</summary>
    private int Guard(SwitchFrameEditor guard, SwitchPins pins, FrameBurst burst, int next)
    {
        guard.Output.Clear();
        long left = burst.Budget.Left;
        for (; next < burst.Count; next++)
        {
            if (burst[next].IsMalformed)
            {
                continue;
            }

            if (left <= 0 && guard.Output.Count > _remainder.Count)
            {
                break;
            }

            left -= TurnBudget.ChainCost;
            if (!guard.TryGuard(burst, next))
            {
                if (guard.Output.Count > 0)
                {
                    break;
                }

                _refusals[next] = DropReason.Offload;
            }
            else if (!pins.Allows(guard.Head(guard.Output.Count - 1), guard.Output.Header(guard.Output.Count - 1)))
            {
                guard.RemoveLast();
                _refusals[next] = DropReason.Filtered;
            }
            else
            {
                _guarded[guard.Output.Count - 1] = (ushort)next;
                left -= CostOf(burst[next].TotalLength);
            }
        }

        return next;
    }

    private void CountRefusals(Span<DropReason> refusals)
    {
        foreach (DropReason reason in refusals)
        {
            if (reason != default)
            {
                _source.Drops.Drop(reason);
            }
        }
    }

    /// <summary>Writes a set of frames as ascending indices; false when it is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Expand(ReadOnlySpan<ulong> frames, out ReadOnlySpan<ushort> indices)
    {
        int count = 0;
        for (int word = 0; word < WordsPerBurst; word++)
        {
            for (ulong bits = frames[word]; bits != 0; bits &= bits - 1)
            {
                _indices[count++] = (ushort)((word * 64) + BitOperations.TrailingZeroCount(bits));
            }
        }

        indices = _indices.AsSpan(0, count);
        return count > 0;
    }

    private Span<ulong> FramesOf(int slot) => _frames.AsSpan(slot * WordsPerBurst, WordsPerBurst);

    private static void AddTo(Span<ulong> sum, ReadOnlySpan<ulong> frames)
    {
        for (int i = 0; i < WordsPerBurst; i++)
        {
            sum[i] |= frames[i];
        }
    }

    // Allocates: when the switch has more ports than ever before.
    private void Grow(int slots)
    {
        _remainder.Grow(slots);
        _frames = new ulong[slots * WordsPerBurst];
        _touched = new ushort[slots];
        PairCounts[] pairs = new PairCounts[slots];
        _pairs.CopyTo(pairs, 0);
        Volatile.Write(ref _pairs, pairs);
    }

    /// <summary>Counters of one receiver.</summary>
    private struct PairCounts
    {
        public long Frames;
        public long Bytes;
        public long Filtered;
    }
}
