using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// A switch's data path for one queue by which frames come in: decides for each frame of a burst who gets it, and gives each receiver its frames in their order,
/// once per burst. A burst that continues the last flow costs one comparison a frame and no look-up. Used by the queue's data thread only.
/// </summary>
internal sealed unsafe partial class SwitchSource : IDisposable
{
    private const int WordsPerBurst = FrameBurst.FramesMax / 64;

    private readonly SwitchNetwork _network;
    private readonly SwitchMacTable _table;
    private readonly SwitchMember _member;
    private readonly SourceQueue _state;
    private readonly int _queue;
    private readonly ushort[] _indices = new ushort[FrameBurst.FramesMax];
    private ulong[] _frames = [];
    private ushort[] _touched = [];
    private PairCounts[] _pairs = [];
    private int _touchedCount;
    private SwitchFrameEditor? _guard;
    private SwitchFrameEditor? _editor;

    // The last flow: what its frames begin with and where they go, as long as nothing of this has changed.
    private Vector128<byte> _flowBegin;
    private Vector128<byte> _flowMask;
    private int _flowSlot;
    private SwitchSnapshot? _flowSnapshot;
    private int _flowVersion;
    private uint _flowTick;

    public SwitchSource(SwitchNetwork network, SwitchMember member, SourceQueue state, int queue)
    {
        _network = network;
        _table = network.Table;
        _member = member;
        _state = state;
        _queue = queue;
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

    /// <summary>Gives each frame of a burst to whom it belongs.</summary>
    public void Forward(SwitchSnapshot snapshot, FrameBurst burst)
    {
        SwitchPortView ingress = snapshot.Views[_member.Slot]!;
        if (_pairs.Length < snapshot.Views.Length)
        {
            Grow(snapshot.Views.Length);
        }

        if (!ingress.LinkEnabled || ingress == snapshot.Mirror)
        {
            _state.Drops.Drop(DropReason.NotRunning, burst.Count);
            return;
        }

        if (ingress.Pins is not null)
        {
            ForwardGuarded(snapshot, ingress, burst);
        }
        else if (!TryContinueFlow(snapshot, burst))
        {
            Distribute(snapshot, ingress, burst);
        }
    }

    public void Dispose()
    {
        _flows.Dispose();
        _guard?.Dispose();
        _editor?.Dispose();
    }

    /// <summary>The common case: every frame belongs to the flow that the last burst ended with.</summary>
    // SAFETY: the index stays below Count; 16 bytes are read only from a first segment that has them.
    private bool TryContinueFlow(SwitchSnapshot snapshot, FrameBurst burst)
    {
        if (!ReferenceEquals(_flowSnapshot, snapshot) || _flowVersion != _table.Version || _flowTick != _network.PresentTick)
        {
            return false;
        }

        Chain* chain = burst.Chains.Chains;
        Chain* end = chain + burst.Count;
        Vector128<byte> begin = _flowBegin;
        Vector128<byte> mask = _flowMask;
        long bytes = 0;
        for (; chain < end; chain++)
        {
            if (chain->SegmentCount == 0 || chain->Length < 16 || (Vector128.Load((byte*)chain->Address) & mask) != begin)
            {
                return false;
            }

            bytes += chain->TotalLength;
        }

        ref PairCounts pair = ref _pairs[_flowSlot];
        pair.Frames += burst.Count;
        pair.Bytes += bytes;
        SwitchNetwork.Give(_member.Port, snapshot.Views[_flowSlot]!.Port, burst, burst.AllFrames, _queue);
        return true;
    }

    /// <summary>Copies the frames' beginnings first, so that what is checked is what is delivered.</summary>
    private void ForwardGuarded(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst)
    {
        SwitchFrameEditor guard = _guard ??= new SwitchFrameEditor();
        SwitchPins pins = ingress.Pins!;
        int next = 0;
        while (next < burst.Count)
        {
            guard.Output.Clear();
            for (; next < burst.Count; next++)
            {
                if (burst[next].IsMalformed)
                {
                    continue;
                }

                if (!guard.TryGuard(burst, next))
                {
                    if (guard.Output.Count > 0)
                    {
                        break;
                    }

                    _state.Drops.Drop(DropReason.Offload);
                }
                else if (!pins.Allows(guard.Head(guard.Output.Count - 1)))
                {
                    guard.RemoveLast();
                    _state.Drops.Drop(DropReason.Filtered);
                }
            }

            if (guard.Output.Count > 0)
            {
                Distribute(snapshot, ingress, guard.Output);
            }
        }
    }

    /// <summary>Decides for each frame, then delivers to each receiver.</summary>
    private void Distribute(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst)
    {
        Classify(snapshot, ingress, burst);
        for (int i = 0; i < _touchedCount; i++)
        {
            int slot = _touched[i];
            Span<ulong> frames = FramesOf(slot);
            if (snapshot.MirrorOut[slot])
            {
                AddTo(_mirrored, frames);
            }

            Deliver(ingress, snapshot.Views[slot]!, burst, frames);
            frames.Clear();
        }

        _touchedCount = 0;
        if (snapshot.Mirror is { } mirror && Expand(_mirrored, out ReadOnlySpan<ushort> copies))
        {
            SwitchNetwork.Give(_member.Port, mirror.Port, burst, copies, _queue);
            Array.Clear(_mirrored);
        }
    }

    // SAFETY: the indices are those of frames that Classify went through, below the burst's Count.
    private void Deliver(SwitchPortView ingress, SwitchPortView egress, FrameBurst burst, Span<ulong> frames)
    {
        if (!Expand(frames, out ReadOnlySpan<ushort> indices))
        {
            return;
        }

        long bytes = 0;
        Chain* chains = burst.Chains.Chains;
        foreach (ushort frame in indices)
        {
            bytes += chains[frame].TotalLength;
        }

        ref PairCounts pair = ref _pairs[egress.Slot];
        pair.Frames += indices.Length;
        pair.Bytes += bytes;
        bool asTheyAre = !_anyTagged && !egress.NeedsExactTag && !egress.SendsTagged(ingress.UntaggedVlan);
        if (asTheyAre)
        {
            SwitchNetwork.Give(_member.Port, egress.Port, burst, indices, _queue);
        }
        else
        {
            DeliverRetagged(egress, burst, indices);
        }
    }

    /// <summary>Delivers frames with the tags that the receiver's port is to see.</summary>
    private void DeliverRetagged(SwitchPortView egress, FrameBurst burst, ReadOnlySpan<ushort> indices)
    {
        SwitchFrameEditor editor = _editor ??= new SwitchFrameEditor();
        editor.Output.Clear();
        for (int i = 0; i < indices.Length; i++)
        {
            if (TryEdit(editor, egress, burst, indices[i]))
            {
                continue;
            }

            if (editor.Output.Count == 0)
            {
                _state.Drops.Drop(DropReason.Offload);
                continue;
            }

            SwitchNetwork.Give(_member.Port, egress.Port, editor.Output, editor.Output.AllFrames, _queue);
            editor.Output.Clear();
            i--;
        }

        if (editor.Output.Count > 0)
        {
            SwitchNetwork.Give(_member.Port, egress.Port, editor.Output, editor.Output.AllFrames, _queue);
        }
    }

    private bool TryEdit(SwitchFrameEditor editor, SwitchPortView egress, FrameBurst burst, int frame)
    {
        uint word = _words[frame];
        int vlan = _vlans[frame];
        bool tagged = IsTagged(word);
        bool tag = egress.SendsTagged(vlan);
        if (!egress.NeedsExactTag && tag == tagged && (!tagged || (word & 0xfff) == vlan))
        {
            return editor.TryAddWhole(burst, frame);
        }

        if (!editor.TryRetag(burst, frame, word, tagged, tag ? (int)(word & (tagged ? 0xf000u : 0)) | vlan : -1))
        {
            return false;
        }

        if (!tag && egress.NeedsExactTag && editor.LastType == ETH_P_8021Q)
        {
            // A second tag behind the one that was taken off would be taken for the frame's own: the old way of hopping to another VLAN.
            editor.RemoveLast();
            _state.Drops.Drop(DropReason.Filtered);
        }

        return true;
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
