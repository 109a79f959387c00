using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <content>Who gets a frame.</content>
internal sealed unsafe partial class SwitchSource
{
    private const ulong MulticastBit = 0x0100_0000_0000;
    private const ulong Broadcast = 0xffff_ffff_ffff;

    /// <summary>01-80-C2-00-00-00 to -0F: spoken between neighbouring bridges, never forwarded (IEEE 802.1D section 7.12.6).</summary>
    private const ulong BridgeGroup = 0x0180_c200_0000;

    private readonly SwitchFlowCache _flows = new();

    // By frame: its first 16 bytes as they were read, which decide everything, and the VLAN that they put the frame into.
    private readonly Vector128<byte>[] _heads = new Vector128<byte>[FrameBurst.FramesMax];
    private readonly ushort[] _vlans = new ushort[FrameBurst.FramesMax];
    private readonly ulong[] _mirrored = new ulong[WordsPerBurst];
    private readonly ulong[] _flooded = new ulong[WordsPerBurst];
    private bool _anyTagged;
    private int _floodVlan = -1;
    private int _floodTargets;
    private long _nowNs;
    private ulong _lastSource;
    private int _lastSourceVlan = -1;
    private uint _lastSourceTick;
    private int _lastSourceVersion = -1;
    private SwitchSnapshot? _lastSourceSnapshot;

    /// <summary>Sets each receiver's frames, for as many frames as the budget allows to be delivered to all their receivers, one at least.</summary>
    /// <returns>Their number.</returns>
    // SAFETY: the index stays below Count; 16 bytes are read only from a first segment that has them, others by a bounded copy.
    private int Classify(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst)
    {
        _anyTagged = false;
        _nowNs = -1;
        uint tick = _network.PresentTick;
        int version = _table.Version;
        bool mirrored = snapshot.MirrorIn[ingress.Slot];
        int lastSlot = -1;
        int lastFrame = 0;
        Vector128<byte> lastHead = default;
        ForgetOldFlows(snapshot, tick, version);
        byte* copy = stackalloc byte[16];
        int again = _remainder.Count;
        int end = again > 0 ? Math.Min(again, burst.Count) : burst.Count;
        long left = again > 0 ? long.MaxValue : burst.Budget.Left;
        int i = 0;
        for (; i < end && left > 0; i++)
        {
            Chain* chain = burst.Chains.Chains + i;
            if (chain->SegmentCount == 0)
            {
                left -= TurnBudget.ChainCost;
                continue;
            }

            byte* begin = (byte*)chain->Address;
            if (chain->Length < 16)
            {
                new Span<byte>(copy, 16).Clear();
                _ = burst.CopyTo(i, 0, new Span<byte>(copy, 16));
                begin = copy;
            }

            if (mirrored)
            {
                _mirrored[i >> 6] |= 1UL << (i & 63);
            }

            Vector128<byte> head = Vector128.Load(begin);
            long cost = CostOf(chain->TotalLength);
            int slot = PlaceKnown(head, i);
            if (slot < 0)
            {
                _floodTargets = 0;
                slot = Place(snapshot, ingress, burst, head, i, tick);
                ForgetOldFlows(snapshot, tick, _table.Version);
                cost += _floodTargets * (cost + PiecesCost(burst, i)) + TurnBudget.ChainCost;
            }

            left -= cost;

            if (slot >= 0 && begin != copy)
            {
                lastSlot = slot;
                lastFrame = i;
                lastHead = head;
            }
        }

        if (lastSlot >= 0)
        {
            RememberFlow(snapshot, ingress, lastHead, lastFrame, lastSlot, tick, version);
        }

        FlushFlood(snapshot, ingress);
        return i;
    }

    /// <summary>What a frame of a certain length costs for each receiver.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CostOf(uint length) => TurnBudget.CopyCost + (length / TurnBudget.BytesPerUnit);

    /// <summary>What it costs each receiver besides, at most, to get a frame that lies in many pieces or is to become several.</summary>
    private static long PiecesCost(FrameBurst burst, int frame)
    {
        ref readonly VirtioNetHeader header = ref burst.Header(frame);
        long segments = header.GsoType == VirtioNetHeader.GSO_NONE || header.GsoSize == 0 ? 0 : burst[frame].TotalLength / header.GsoSize;
        return (segments * TurnBudget.CopyCost) + (burst[frame].SegmentCount * TurnBudget.DescriptorCost);
    }

    /// <summary>Gives a frame to the port that gets the others of its flow; -1 when that is not known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int PlaceKnown(Vector128<byte> head, int frame)
    {
        uint word = WordOf(head);
        int slot = _flows.Find(head & FlowMask(word), out ushort vlan);
        if (slot >= 0)
        {
            Note(frame, head, word, vlan);
            AddTo(slot, frame);
        }

        return slot;
    }

    /// <summary>Bytes 12 to 15: the EtherType, and the tag if that says there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint WordOf(Vector128<byte> head) => BinaryPrimitives.ReverseEndianness(head.AsUInt32()[3]);

    /// <summary>Decides on one frame; returns the one port that gets it, or -1.</summary>
    private int Place(SwitchSnapshot snapshot, SwitchPortView ingress, FrameBurst burst, Vector128<byte> head, int frame, uint tick)
    {
        ulong first = BinaryPrimitives.ReverseEndianness(head.AsUInt64()[0]);
        ulong second = BinaryPrimitives.ReverseEndianness(head.AsUInt64()[1]);
        ulong destination = first >> 16;
        ulong source = ((first & 0xffff) << 32) | (second >> 32);
        uint word = (uint)second;
        int vlan = VlanOf(ingress, word);
        if (vlan < 0 || !IsSourceGood(ingress, vlan, source, tick) || (destination & ~0xful) == BridgeGroup)
        {
            Refuse(DropReason.Filtered);
            return -1;
        }

        if (HidesTag(ingress, burst, word, frame))
        {
            Refuse(DropReason.VlanTag);
            return -1;
        }

        Note(frame, head, word, (ushort)vlan);
        if ((destination & MulticastBit) != 0)
        {
            Flood(snapshot, ingress, vlan, frame, destination == Broadcast ? _member.BroadcastLimit : _member.MulticastLimit);
            return -1;
        }

        int slot = _table.Find(vlan, destination);
        if ((uint)slot >= (uint)snapshot.Views.Length || snapshot.Views[slot] is not { } egress)
        {
            Flood(snapshot, ingress, vlan, frame, _member.UnknownLimit);
            return -1;
        }

        if (!egress.IsUp)
        {
            Withhold(slot, DropReason.NotRunning);
            return -1;
        }

        if (slot == ingress.Slot || (ingress.Isolated && egress.Isolated) || !egress.Carries(vlan) || egress == snapshot.Mirror)
        {
            Withhold(slot, DropReason.Filtered);
            return -1;
        }

        AddTo(slot, frame);
        if (!IsTagged(word) || (word & 0xfff) != 0)
        {
            _flows.Add(head & FlowMask(word), slot, (ushort)vlan);
        }

        return slot;
    }

    /// <summary>
    /// True when a tag stands where no port may send one: behind a tag that states a priority only, or, from a port that doesn't carry every VLAN, as a type
    /// that is not ours in a frame that its own port puts into a VLAN. Such frames never become a flow, so that each is looked at here.
    /// </summary>
    private static bool HidesTag(SwitchPortView ingress, FrameBurst burst, uint word, int frame)
    {
        if (!IsTagged(word))
        {
            return !ingress.CarriesAll && VlanTag.IsAny(word >> 16);
        }

        if ((word & 0xfff) != 0)
        {
            return false;
        }

        Span<byte> type = stackalloc byte[sizeof(ushort)];
        return burst.CopyTo(frame, (2 * ETH_ALEN) + VlanTag.Length, type) == type.Length && VlanTag.IsAny(BinaryPrimitives.ReadUInt16BigEndian(type));
    }

    /// <summary>Counts a frame that goes no further, once: one that comes again was counted before.</summary>
    private void Refuse(DropReason reason, int count = 1)
    {
        if (_remainder.Count == 0)
        {
            _source.Drops.Drop(reason, count);
        }
    }

    private void Withhold(int slot, DropReason reason)
    {
        if (_remainder.Count == 0)
        {
            _pairs[slot].Filtered++;
            _source.Drops.Drop(reason);
        }
    }

    /// <summary>What frames of a flow have in common: addresses and EtherType, and the tag if that says there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FlowMask(uint word) =>
        IsTagged(word) ? Vector128<byte>.AllBitsSet : Vector128.Create(ulong.MaxValue, 0x0000_ffff_ffff_ffff).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Note(int frame, Vector128<byte> head, uint word, ushort vlan)
    {
        _heads[frame] = head;
        _vlans[frame] = vlan;
        _anyTagged |= IsTagged(word);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddTo(int slot, int frame)
    {
        ref ulong word = ref _frames[(slot * WordsPerBurst) + (frame >> 6)];
        if (word == 0)
        {
            Touch(slot);
        }

        word |= 1UL << (frame & 63);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsTagged(uint word) => VlanTag.IsOurs(word >> 16);

    /// <summary>The VLAN that a frame belongs to, or -1 when the port doesn't take it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int VlanOf(SwitchPortView ingress, uint word)
    {
        // A tag with VLAN 0 states a priority only.
        int vlan = (int)word & 0xfff;
        if (!IsTagged(word) || vlan == 0)
        {
            return ingress.UntaggedVlan;
        }

        return ingress.IsTrunk && vlan <= SwitchPortOptions.VlanMax && ingress.Carries(vlan) ? vlan : -1;
    }

    /// <summary>Learns the source address; false when no station can have it or it is fixed elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsSourceGood(SwitchPortView ingress, int vlan, ulong source, uint tick) =>
        (source == _lastSource && vlan == _lastSourceVlan) || LearnSource(ingress, vlan, source, tick);

    private bool LearnSource(SwitchPortView ingress, int vlan, ulong source, uint tick)
    {
        if ((source & MulticastBit) != 0 || source == 0 || !_table.Learn(vlan, source, ingress.Slot, tick, ingress.MacLimit))
        {
            return false;
        }

        _lastSource = source;
        _lastSourceVlan = vlan;
        return true;
    }

    /// <summary>
    /// What was found before is good without a look-up only as long as time, table and switch are what they were. A frame's own source may have moved the table
    /// on.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ForgetOldFlows(SwitchSnapshot snapshot, uint tick, int version)
    {
        if (tick != _lastSourceTick || version != _lastSourceVersion || !ReferenceEquals(snapshot, _lastSourceSnapshot))
        {
            _flows.Clear();
            _lastSourceVlan = -1;
            _lastSourceTick = tick;
            _lastSourceVersion = version;
            _lastSourceSnapshot = snapshot;
        }
    }

    /// <summary>Remembers the frame's flow if such frames go to one port without any change.</summary>
    private void RememberFlow(SwitchSnapshot snapshot, SwitchPortView ingress, Vector128<byte> head, int frame, int slot, uint tick, int version)
    {
        SwitchPortView egress = snapshot.Views[slot]!;
        uint word = WordOf(head);
        bool tagged = IsTagged(word);
        int vlan = _vlans[frame];
        if (ingress.Pins is not null || snapshot.MirrorIn[ingress.Slot] || snapshot.MirrorOut[slot] || ingress.SendsExact || egress.TakesExact
            || tagged != egress.SendsTagged(vlan) || (tagged && (word & 0xfff) != vlan))
        {
            return;
        }

        _flowMask = FlowMask(word);
        _flowBegin = head & _flowMask;
        _flowSlot = slot;
        _flowSnapshot = snapshot;
        _flowVersion = version;
        _flowTick = tick;
    }

    private void Flood(SwitchSnapshot snapshot, SwitchPortView ingress, int vlan, int frame, RateLimiter? limit)
    {
        // A frame that comes again was let through before.
        if (limit is not null && _remainder.Count == 0)
        {
            _nowNs = _nowNs < 0 ? _network.NowNs : _nowNs;
            if (!limit.TryTake(0, _nowNs))
            {
                Refuse(DropReason.StormControl);
                return;
            }
        }

        if (vlan != _floodVlan)
        {
            FlushFlood(snapshot, ingress);
            _floodVlan = vlan;
        }

        _flooded[frame >> 6] |= 1UL << (frame & 63);
        _floodTargets = snapshot.CountOf(vlan);
    }

    /// <summary>Adds the flooded frames of one VLAN to everybody in it.</summary>
    private void FlushFlood(SwitchSnapshot snapshot, SwitchPortView ingress)
    {
        if (_floodVlan < 0)
        {
            return;
        }

        ulong[] ports = snapshot.Ports(_floodVlan);
        bool any = false;
        int count = 0;
        foreach (ulong word in _flooded)
        {
            count += BitOperations.PopCount(word);
        }

        _network.CountFlooded(count);
        for (int word = 0; word < snapshot.Words; word++)
        {
            ulong bits = ports[word] & ~(ingress.Isolated ? snapshot.Isolated[word] : 0);
            bits &= word == ingress.Slot >> 6 ? ~(1UL << (ingress.Slot & 63)) : ulong.MaxValue;
            for (; bits != 0; bits &= bits - 1)
            {
                int slot = (word * 64) + BitOperations.TrailingZeroCount(bits);
                Touch(slot);
                AddTo(FramesOf(slot), _flooded);
                any = true;
            }
        }

        if (!any)
        {
            Refuse(DropReason.NoReceiver, count);
        }

        Array.Clear(_flooded);
        _floodVlan = -1;
    }

    /// <summary>Puts a port on the list of receivers unless it is there; its frames are all added after that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Touch(int slot)
    {
        Span<ulong> frames = FramesOf(slot);
        if ((frames[0] | frames[1] | frames[2] | frames[3]) == 0)
        {
            _touched[_touchedCount++] = (ushort)slot;
        }
    }
}
