using System.Runtime.Intrinsics;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <content>Gives the frames to their receivers, with the tags that each is to see.</content>
internal sealed partial class SwitchSource
{
    // Of each frame that the editor made: its position in the selection that it was made from.
    private readonly ushort[] _edited = new ushort[FrameBurst.FramesMax];

    // By position in that selection: why the receiver does not get the frame; 0 when it does.
    private readonly DropReason[] _withheld = new DropReason[FrameBurst.FramesMax];

    /// <summary>Decides for each frame, then delivers to each receiver.</summary>
    /// <returns>How many frames, from the first, are done with for all receivers. What is left of others is in <see cref="_remainder"/>.</returns>
    private int Distribute(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst)
    {
        if (_remainder.Count > 0 && !_remainder.Matches(burst))
        {
            // Their source was stopped, or has thought better of it.
            _remainder.Clear();
        }

        int end = Classify(snapshot, ingress, burst);
        _network.Judged?.Invoke(burst);
        if (_remainder.Count > 0)
        {
            LimitToRemainder(snapshot);
        }

        for (int i = 0; i < _touchedCount; i++)
        {
            int slot = _touched[i];
            Span<ulong> frames = FramesOf(slot);
            if (snapshot.MirrorOut[slot])
            {
                AddTo(_mirrored, frames);
            }

            bool whole = Deliver(ingress, snapshot.Views[slot]!, burst, frames);
            if (!whole || (burst.Budget.IsSpent && (i + 1 < _touchedCount || HasCopies(snapshot))))
            {
                KeepRemainder(burst, end, whole ? i + 1 : i, whole ? -1 : slot);
                return 0;
            }

            frames.Clear();
        }

        _touchedCount = 0;
        if (HasCopies(snapshot) && !DeliverCopies(snapshot.Mirror!, burst))
        {
            KeepRemainder(burst, end, 0, SwitchRemainder.MirrorSlot);
            return 0;
        }

        _remainder.Clear();
        return end;
    }

    private bool HasCopies(SwitchSnapshot snapshot) => snapshot.Mirror is not null && (_mirrored[0] | _mirrored[1] | _mirrored[2] | _mirrored[3]) != 0;

    /// <summary>Gives the mirror its copies; false when the budget left some.</summary>
    private bool DeliverCopies(SwitchPortView mirror, FrameBurst burst)
    {
        _ = Expand(_mirrored, out ReadOnlySpan<ushort> copies);
        int done = mirror.Port.Egress.Deliver(_source, burst, copies, out _);
        Remove(_mirrored, copies[..done]);
        return done == copies.Length;
    }

    /// <summary>Frames that come again go only to those who lack them still.</summary>
    private void LimitToRemainder(SwitchSnapshot snapshot)
    {
        int kept = 0;
        for (int i = 0; i < _touchedCount; i++)
        {
            int slot = _touched[i];
            Span<ulong> frames = FramesOf(slot);
            _remainder.Limit(slot, frames);
            if ((frames[0] | frames[1] | frames[2] | frames[3]) != 0)
            {
                _touched[kept++] = (ushort)slot;
            }
        }

        _touchedCount = kept;
        if (snapshot.Mirror is not null)
        {
            _remainder.Copies.CopyTo(_mirrored);
        }

        if ((kept == 0 ? SwitchRemainder.MirrorSlot : _touched[0]) != _remainder.CutSlot)
        {
            _source.Finisher.ForgetSegments();
        }
    }

    /// <summary>The budget is spent: notes which receivers, from the one at <paramref name="first"/> in the list on, lack which frames.</summary>
    private void KeepRemainder(FrameBurst burst, int count, int first, int cutSlot)
    {
        _remainder.Begin(burst, count, cutSlot, _mirrored);
        for (int i = 0; i < _touchedCount; i++)
        {
            Span<ulong> frames = FramesOf(_touched[i]);
            if (i >= first)
            {
                _remainder.Add(_touched[i], frames);
            }

            frames.Clear();
        }

        _touchedCount = 0;
        Array.Clear(_mirrored);
    }

    /// <summary>Delivers to one receiver; false when the budget ended that, with what is left in <paramref name="frames"/>.</summary>
    private bool Deliver(SwitchPortView ingress, SwitchPortView egress, FrameBurst burst, Span<ulong> frames)
    {
        if (!Expand(frames, out ReadOnlySpan<ushort> indices))
        {
            return true;
        }

        // What the guard holds is our own memory, and the sender can't change it.
        bool exact = (ingress.SendsExact || egress.TakesExact) && burst != _guard?.Output;
        bool asTheyAre = !exact && ingress.CarriesAll && egress.CarriesAll && !_anyTagged && !egress.SendsTagged(ingress.UntaggedVlan);
        int done = asTheyAre
            ? egress.Port.Egress.Deliver(_source, burst, indices, out long bytes)
            : DeliverEdited(ingress, egress, burst, indices, exact, out bytes);
        ref PairCounts pair = ref _pairs[egress.Slot];
        pair.Frames += done;
        pair.Bytes += bytes;
        if (done == indices.Length)
        {
            return true;
        }

        Remove(frames, indices[..done]);
        return false;
    }

    /// <summary>Delivers frames with the tags that the receiver's port is to see, and with the words that were judged.</summary>
    private int DeliverEdited(SwitchPortView ingress, SwitchPortView egress, FrameBurst burst, ReadOnlySpan<ushort> indices, bool exact, out long bytes)
    {
        SwitchFrameEditor editor = _editor ??= new SwitchFrameEditor();
        indices = indices[..burst.Affordable(indices, out bytes)];
        _withheld.AsSpan(0, indices.Length).Clear();
        int done = 0;
        while (done < indices.Length)
        {
            editor.Output.Clear();
            int next = done;
            while (next < indices.Length && TryEdit(editor, ingress, egress, burst, indices[next], exact, out _withheld[next]))
            {
                if (_withheld[next] == default)
                {
                    _edited[editor.Output.Count - 1] = (ushort)next;
                }

                next++;
            }

            if (editor.Output.Count == 0 && next < indices.Length)
            {
                _withheld[next++] = DropReason.Offload;
            }

            editor.Output.ContinueTurn(burst);
            int given = egress.Port.Egress.Deliver(_source, editor.Output, editor.Output.AllFrames, out _);
            burst.Budget = editor.Output.Budget;
            done = given < editor.Output.Count ? _edited[given] : next;
            if (given < editor.Output.Count || burst.Budget.IsSpent)
            {
                break;
            }
        }

        bytes = done == indices.Length ? bytes : burst.LengthOf(indices[..done]);
        CountRefusals(_withheld.AsSpan(0, done));
        return done;
    }

    /// <summary>Makes one frame as the receiver is to see it; false when the editor has no room for it.</summary>
    private bool TryEdit(SwitchFrameEditor editor, SwitchPortView ingress, SwitchPortView egress, FrameBurst burst, int frame, bool exact, out DropReason refusal)
    {
        Vector128<byte> head = _heads[frame];
        uint word = WordOf(head);
        int vlan = _vlans[frame];
        bool wasTagged = IsTagged(word);
        int tag = egress.SendsTagged(vlan) ? (int)(wasTagged ? word & 0xf000 : 0) | vlan : -1;
        bool keepsTag = wasTagged ? tag == (int)(word & 0xffff) : tag < 0;
        refusal = default;
        if (!exact && keepsTag && (wasTagged || !VlanTag.IsAny(word >> 16)))
        {
            return editor.TryAddWhole(burst, frame);
        }

        if (!editor.TryBegin(burst, frame, head, wasTagged, out ushort type))
        {
            refusal = DropReason.TooShort;
            return true;
        }

        if (VlanTag.IsAny(type) && !MayFollow(ingress, egress, wasTagged, (word & 0xfff) == 0, tag >= 0))
        {
            refusal = DropReason.VlanTag;
            return true;
        }

        return editor.TryEnd(burst, frame, type, wasTagged, tag, out refusal);
    }

    /// <summary>
    /// Whether a tag may stand behind what a frame came in with. What comes first when the frame leaves must be what put it into its VLAN: the next switch goes
    /// by that, and would take a tag that has come to the front for the frame's own, the old way of hopping to another VLAN.
    /// </summary>
    /// <param name="ingress">Where the frame came in.</param>
    /// <param name="egress">Where it is to leave.</param>
    /// <param name="wasTagged">It came in with a tag of ours, behind which the other one stands.</param>
    /// <param name="wasPriority">That tag stated a priority and no VLAN.</param>
    /// <param name="isTagged">It leaves with a tag of ours.</param>
    private static bool MayFollow(SwitchPortView ingress, SwitchPortView egress, bool wasTagged, bool wasPriority, bool isTagged) => wasTagged
        ? isTagged && !wasPriority
        : ingress.CarriesAll && (isTagged || egress.CarriesAll);

    private static void Remove(Span<ulong> frames, ReadOnlySpan<ushort> indices)
    {
        foreach (ushort frame in indices)
        {
            frames[frame >> 6] &= ~(1UL << (frame & 63));
        }
    }
}
