using System.Buffers.Binary;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>
/// What a device has to make of one descriptor chain, written down slowly and without a look at the device's code: virtio 1.3 sections 2.7.5 and 2.8.5 to
/// 2.8.8, and the meanings of <see cref="ChainStatus"/>. Where a descriptor is wrong in more than one way, each of the reasons is right.
/// </summary>
internal sealed class ReferenceWalk
{
    private const int NEXT = 1, WRITE = 2, INDIRECT = 4;

    private readonly RingPair _ring;
    private readonly bool _packed;
    private readonly bool _indirectAllowed;
    private readonly bool _write;
    private ulong _total;

    private ReferenceWalk(RingPair ring, ChainDirection direction)
    {
        _ring = ring;
        _packed = ring.Driver.IsPacked;
        _indirectAllowed = (ring.Layout.Features & VirtioFeatures.INDIRECT_DESC) != 0;
        _write = direction == ChainDirection.Writable;
    }

    /// <summary>The reasons for which the chain may be refused; none when it is good.</summary>
    public HashSet<ChainStatus> Reasons { get; } = [];

    /// <summary>The pieces of a good chain, neighbours joined.</summary>
    public List<(nint Address, ulong Length)> Pieces { get; } = [];

    /// <summary>Ring slots that the chain takes (packed), or 1; 0 when nobody can say, so that the ring is broken.</summary>
    public int Slots { get; private set; } = 1;

    /// <summary>What identifies the chain when it is given back.</summary>
    public ushort Id { get; private set; }

    public static ReferenceWalk Of(RingPair ring, int head, ChainDirection direction)
    {
        var walk = new ReferenceWalk(ring, direction);
        if (walk._packed)
        {
            walk.WalkPacked(head);
        }
        else
        {
            walk.WalkSplit(head);
        }

        if (walk.Reasons.Count == 0 && walk.Pieces.Count == 0)
        {
            // A chain without a single byte can't be used.
            walk.Reasons.Add(ChainStatus.Empty);
        }

        return walk;
    }

    /// <summary>Checks that what the device found at a position of its burst is what this walk found.</summary>
    /// <param name="device">The device's queue.</param>
    /// <param name="position">Which chain of the last peek.</param>
    /// <param name="describe">Says what the ring held.</param>
    /// <param name="isLastBad">True when no other bad chain follows in the burst, so that the device still knows why it refused this one.</param>
    public void Check(Virtqueue device, int position, Func<string> describe, bool isLastBad = true)
    {
        if (Reasons.Count > 0)
        {
            Verify.True(_ring.Burst[position].IsMalformed, $"a bad chain was taken for a good one; it is {string.Join(" or ", Reasons)}: {describe()}");
            Verify.True(
                !isLastBad || Reasons.Contains(device.LastError), $"the chain was refused for {device.LastError}, but it is {string.Join(" or ", Reasons)}: {describe()}");
            return;
        }

        Verify.True(!_ring.Burst[position].IsMalformed, $"a good chain was refused for {device.LastError}: {describe()}");
        var found = new List<(nint, ulong)>();
        foreach (GuestSegment segment in _ring.Segments(position))
        {
            Join(found, segment.Address, segment.Length);
        }

        Verify.True(Pieces.SequenceEqual(found), $"the chain has other pieces than expected: {describe()}");
        Assert.Equal(Pieces.Sum(p => (long)p.Length), _ring.Burst[position].TotalLength);
    }

    private void WalkSplit(int head)
    {
        Id = (ushort)head;
        if (head >= _ring.Layout.Size)
        {
            Slots = 0;
            Reasons.Add(ChainStatus.IndexOutOfRange);
            return;
        }

        int index = head, entries = _ring.Layout.Size;
        ulong? table = null;
        for (int step = 0; ; step++)
        {
            if (step == entries)
            {
                Reasons.Add(ChainStatus.TooLong);
                return;
            }

            RawDescriptor? read = table is { } at ? Entry(at + (16UL * (ulong)index)) : _ring.Driver.Raw[index];
            if (read is not { } d)
            {
                Reasons.Add(ChainStatus.BadAddress);
                return;
            }

            if ((d.Flags & INDIRECT) != 0)
            {
                if (!OpenTable(d, table is not null))
                {
                    return;
                }

                (table, index, entries, step) = (d.Address, 0, (int)(d.Length / 16), -1);
                continue;
            }

            Buffer(d);
            if (Reasons.Count > 0 || (d.Flags & NEXT) == 0)
            {
                return;
            }

            if (d.NextOrId >= entries)
            {
                Reasons.Add(ChainStatus.IndexOutOfRange);
                return;
            }

            index = d.NextOrId;
        }
    }

    private void WalkPacked(int slot)
    {
        int size = _ring.Layout.Size;
        for (Slots = 1; ; Slots++)
        {
            RawDescriptor d = _ring.Driver.Raw[slot];
            Id = d.NextOrId;
            if (Reasons.Count == 0)
            {
                if ((d.Flags & INDIRECT) == 0)
                {
                    Buffer(d);
                }
                else if (OpenTable(d, Slots > 1))
                {
                    Table(d);
                }
            }

            if ((d.Flags & NEXT) == 0)
            {
                break;
            }

            if (Slots == size)
            {
                Slots = 0;
                Reasons.Clear();
                Reasons.Add(ChainStatus.TooLong);
                return;
            }

            slot = (slot + 1) % size;
        }

        if (Id >= size)
        {
            Slots = 0;
            Reasons.Clear();
            Reasons.Add(ChainStatus.IndexOutOfRange);
        }
    }

    /// <summary>A packed ring's table: all of its entries, one after the other (2.8.8). In one that is only read WRITE says nothing.</summary>
    private void Table(RawDescriptor d)
    {
        for (ulong i = 0; i < d.Length / 16 && Reasons.Count == 0; i++)
        {
            if (Entry(d.Address + (16 * i)) is not { } entry)
            {
                Reasons.Add(ChainStatus.BadAddress);
            }
            else if ((entry.Flags & INDIRECT) != 0)
            {
                Reasons.Add(ChainStatus.NestedIndirect);
            }
            else
            {
                Buffer(_write ? entry : entry with { Flags = (ushort)(entry.Flags & ~WRITE) });
            }
        }
    }

    private bool OpenTable(RawDescriptor d, bool nested)
    {
        if (nested || (d.Flags & NEXT) != 0)
        {
            Reasons.Add(ChainStatus.NestedIndirect);
        }

        if (!_indirectAllowed || d.Length == 0 || d.Length % 16 != 0)
        {
            Reasons.Add(ChainStatus.BadIndirectTable);
        }
        else if (d.Length / 16 > ChainBurst.ChainSegmentsMax)
        {
            Reasons.Add(ChainStatus.TooLong);
        }

        return Reasons.Count == 0;
    }

    private void Buffer(RawDescriptor d)
    {
        if ((d.Flags & WRITE) != 0 != _write)
        {
            Reasons.Add(ChainStatus.WrongDirection);
        }

        _total += d.Length;
        if (_total > uint.MaxValue)
        {
            Reasons.Add(ChainStatus.TooManyBytes);
        }

        ulong address = d.Address;
        for (ulong left = d.Length; left > 0;)
        {
            GuestRegion? region = _ring.Memory.Regions.FirstOrDefault(r => address >= r.GuestAddress && address - r.GuestAddress < r.Size);
            if (region is null)
            {
                Reasons.Add(ChainStatus.BadAddress);
                return;
            }

            ulong offset = address - region.GuestAddress, here = Math.Min(left, region.Size - offset);
            Join(Pieces, region.HostBase + (nint)offset, here);
            address += here;
            left -= here;
        }
    }

    /// <summary>A table's entry; null when it does not lie in one region.</summary>
    private RawDescriptor? Entry(ulong address)
    {
        GuestRegion? region = _ring.Memory.Regions.FirstOrDefault(r => address >= r.GuestAddress && address - r.GuestAddress < r.Size);
        if (region is null || region.Size - (address - region.GuestAddress) < 16)
        {
            return null;
        }

        ReadOnlySpan<byte> bytes = region.Bytes(address - region.GuestAddress, 16);
        ushort third = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]), fourth = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]);
        return new RawDescriptor(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]), _packed ? fourth : third, _packed ? third : fourth);
    }

    private static void Join(List<(nint Address, ulong Length)> pieces, nint address, ulong length)
    {
        if (pieces.Count > 0 && pieces[^1].Address + (nint)pieces[^1].Length == address)
        {
            pieces[^1] = (pieces[^1].Address, pieces[^1].Length + length);
        }
        else
        {
            pieces.Add((address, length));
        }
    }
}
