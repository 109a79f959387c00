using System.Text;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>
/// Every chain of up to four descriptors over flags, indices, kinds of buffers and indirect tables, in both layouts and directions, against
/// <see cref="ReferenceWalk"/>. A descriptor's content is chosen only when the walk gets there, so that nothing is tried twice.
/// </summary>
public sealed class ChainScopeTests
{
    private const int NEXT = 1, WRITE = 2, INDIRECT = 4;
    private const int Size = 4;

    /// <summary>Two regions that are neighbours for the guest, and a hole behind them.</summary>
    private const ulong First = 0x10_0000, Second = 0x20_0000, Hole = 0x30_0000, Tables = 0x11_0000;

    private static readonly (ulong Address, uint Length)[] s_buffers =
    [
        (First + 0x100, 0x40), (Second - 0x20, 0x40), (Second + 5, 0), (Hole - 0x20, 0x21), (Hole, 1), (ulong.MaxValue - 3, 8), (First, uint.MaxValue), (First, 0x20_0000),
    ];

    [Theory]
    [InlineData(ChainDirection.Readable, true)]
    [InlineData(ChainDirection.Readable, false)]
    [InlineData(ChainDirection.Writable, true)]
    [InlineData(ChainDirection.Writable, false)]
    public void SplitChainsOverFlagsAndIndices(ChainDirection direction, bool indirect)
    {
        using var scope = new Scope(Features(false, indirect), direction);
        for (int head = 0; head <= Size; head++)
        {
            scope.Split(head, 4);
        }

        Assert.Equal(indirect ? (21_657, 304) : (4745, 64), (scope.Cases, scope.Good));
    }

    [Theory]
    [InlineData(ChainDirection.Readable, true)]
    [InlineData(ChainDirection.Readable, false)]
    [InlineData(ChainDirection.Writable, true)]
    [InlineData(ChainDirection.Writable, false)]
    public void PackedChainsOverFlagsAndIds(ChainDirection direction, bool indirect)
    {
        using var scope = new Scope(Features(true, indirect), direction);
        scope.Packed(4);
        // In the table of what is only read WRITE says nothing, so that many more are good.
        int good = !indirect ? 8 : direction == ChainDirection.Writable ? 128 : 1368;
        Assert.Equal((43_752, good), (scope.Cases, scope.Good));
    }

    [Theory]
    [InlineData(false, ChainDirection.Readable)]
    [InlineData(false, ChainDirection.Writable)]
    [InlineData(true, ChainDirection.Readable)]
    [InlineData(true, ChainDirection.Writable)]
    public void ChainsOverKindsOfBuffers(bool packed, ChainDirection direction)
    {
        using var scope = new Scope(Features(packed, true), direction);
        for (int length = 1; length <= 4; length++)
        {
            scope.Buffers(length, false);
            scope.Buffers(length, true);
        }

        Assert.True(scope.Cases > 9_000, $"only {scope.Cases} cases");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TablesOverPlacesAndLengths(bool packed)
    {
        using var scope = new Scope(Features(packed, true), ChainDirection.Readable);
        ulong[] places = [Tables, Tables + 1, Second - 16, Second - 24, Second - 8, Hole - 16, Hole - 15, Hole, 0, ulong.MaxValue - 15, ulong.MaxValue, First];
        uint[] lengths = [0, 1, 15, 16, 17, 31, 32, 48, 64, 16 * 1024, 16 * 1025, 0x8000_0000, 0xffff_fff0, uint.MaxValue];
        foreach (ulong place in places)
        {
            foreach (uint length in lengths)
            {
                foreach (int flags in new[] { INDIRECT, INDIRECT | WRITE, INDIRECT | NEXT })
                {
                    scope.Table(place, length, flags);
                }
            }
        }

        Assert.Equal((504, packed ? 20 : 10), (scope.Cases, scope.Good));
    }

    private static ulong Features(bool packed, bool indirect) =>
        VirtioFeatures.VERSION_1 | (packed ? VirtioFeatures.RING_PACKED : 0) | (indirect ? VirtioFeatures.INDIRECT_DESC : 0);

    private static int Wanted(ChainDirection direction) => direction == ChainDirection.Writable ? WRITE : 0;

    /// <summary>One ring, and the enumeration of what its descriptors may hold.</summary>
    private sealed class Scope : IDisposable
    {
        private readonly RingPair _ring;
        private readonly ChainDirection _direction;
        private readonly bool _packed;
        private readonly bool _indirect;
        private readonly RawDescriptor[] _path = new RawDescriptor[Size];
        private int _slot;
        private bool _wrap = true;

        public Scope(ulong features, ChainDirection direction)
        {
            var memory = new GuestMemory();
            memory.AddRegion(First, Second - First);
            memory.AddRegion(Second, Hole - Second);
            _direction = direction;
            _packed = (features & VirtioFeatures.RING_PACKED) != 0;
            _indirect = (features & VirtioFeatures.INDIRECT_DESC) != 0;
            _ring = new RingPair(features, Size, memory: memory);
        }

        public int Cases { get; private set; }

        public int Good { get; private set; }

        /// <summary>Every split chain of up to <paramref name="depth"/> descriptors from a head.</summary>
        public void Split(int head, int depth)
        {
            if (head >= Size)
            {
                CheckSplit(head);
                return;
            }

            Grow(head, head, 0, depth);
        }

        /// <summary>Every packed chain of up to <paramref name="depth"/> descriptors: flags of each, id of the last.</summary>
        public void Packed(int depth) => GrowPacked(0, depth);

        /// <summary>Every list of kinds of buffers, as a direct chain or in a table.</summary>
        public void Buffers(int length, bool table)
        {
            int kinds = (int)Math.Pow(s_buffers.Length, length);
            for (int code = 0; code < kinds; code++)
            {
                for (int i = 0, rest = code; i < length; i++, rest /= s_buffers.Length)
                {
                    (ulong address, uint bytes) = s_buffers[rest % s_buffers.Length];
                    int flags = Wanted(_direction) | (i < length - 1 ? NEXT : 0);
                    if (table)
                    {
                        WriteEntry(Tables, i, flags, i + 1, address, bytes);
                    }
                    else
                    {
                        WriteNth(i, flags, _packed ? 0 : i + 1, address, bytes);
                    }
                }

                if (table)
                {
                    WriteNth(0, INDIRECT, 0, Tables, 16 * (uint)length);
                }

                Check(0);
            }
        }

        public void Table(ulong place, uint length, int flags)
        {
            // The tables lie over memory of good entries, so that only place and length decide.
            for (ulong at = Tables; at < Tables + 0x5000; at += 16)
            {
                WriteEntry(at, 0, at == Tables + 0x4ff0 ? 0 : NEXT, 1, First + 0x100, 0x10);
            }

            for (ulong at = Second - 64; at < Second + 64; at += 16)
            {
                WriteEntry(at, 0, 0, 0, First + 0x100, 0x10);
            }

            WriteNth(1, 0, 0, First + 0x200, 0x10);
            WriteNth(0, flags, _packed ? 0 : 1, place, length);
            Check(0);
        }

        public void Dispose() => _ring.Dispose();

        private void Grow(int head, int slot, int used, int depth)
        {
            for (int flags = 0; flags < 8; flags++)
            {
                if ((flags & INDIRECT) != 0)
                {
                    GrowTables(head, slot, flags, used, depth);
                    continue;
                }

                int ends = (flags & NEXT) != 0 ? Size + 1 : 1;
                for (int next = 0; next < ends; next++)
                {
                    Write(slot, flags, next, First + 0x100 * (ulong)(slot + 1), 0x40);

                    // Going on from a new descriptor means choosing that one; one that was chosen already, or does not exist, ends the chain.
                    if ((flags & NEXT) != 0 && next < Size && (used >> next & 1) == 0 && next != slot && depth > 1)
                    {
                        Grow(head, next, used | (1 << slot), depth - 1);
                    }
                    else
                    {
                        CheckSplit(head);
                    }
                }
            }
        }

        private void GrowTables(int head, int slot, int flags, int used, int depth)
        {
            if (!_indirect || (flags & NEXT) != 0)
            {
                WriteEntry(Tables, 0, Wanted(_direction), 0, First, 16);
                Write(slot, flags, 0, Tables, 16);
                CheckSplit(head);
                return;
            }

            for (int entries = 1; entries <= (head == 1 ? depth : 1); entries++)
            {
                Write(slot, flags, 0, Tables, 16 * (uint)entries);
                GrowEntry(head, 0, entries, 0);
            }
        }

        private void GrowEntry(int head, int entry, int entries, int used)
        {
            for (int flags = 0; flags < 8; flags++)
            {
                int ends = (flags & NEXT) != 0 ? entries + 1 : 1;
                for (int next = 0; next < ends; next++)
                {
                    WriteEntry(Tables, entry, flags, next, First + 0x1000 + 0x100 * (ulong)entry, (flags & INDIRECT) != 0 ? 16u : 0x30);
                    if ((flags & (NEXT | INDIRECT)) == NEXT && next < entries && next != entry && (used >> next & 1) == 0)
                    {
                        GrowEntry(head, next, entries, used | (1 << entry));
                    }
                    else
                    {
                        CheckSplit(head);
                    }
                }
            }
        }

        private void GrowPacked(int position, int depth)
        {
            for (int flags = 0; flags < 8; flags++)
            {
                bool table = (flags & INDIRECT) != 0;
                ulong address = table ? Tables : First + 0x100 * (ulong)(position + 1);
                if ((flags & NEXT) != 0)
                {
                    _path[position] = new RawDescriptor(address, 0x10, (ushort)flags, 0);
                    if (position + 1 < depth)
                    {
                        GrowPacked(position + 1, depth);
                    }
                    else
                    {
                        CheckPath(depth);
                    }

                    continue;
                }

                foreach (ushort id in new ushort[] { 0, Size - 1, Size, 0xffff })
                {
                    _path[position] = new RawDescriptor(address, 0x40, (ushort)flags, id);
                    if (!table)
                    {
                        CheckPath(position + 1);
                        continue;
                    }

                    for (uint entries = 1; entries <= (position == 0 ? 4 : 1); entries++)
                    {
                        _path[position] = new RawDescriptor(address, 16 * entries, (ushort)flags, id);
                        GrowPackedTable(position + 1, (int)entries);
                    }
                }
            }
        }

        private void GrowPackedTable(int slots, int entries)
        {
            for (int code = 0; code < 1 << (3 * entries); code++)
            {
                for (int i = 0; i < entries; i++)
                {
                    WriteEntry(Tables, i, code >> (3 * i) & 7, code & 0xffff, First + 0x1000 + 0x100 * (ulong)i, 0x30);
                }

                CheckPath(slots);
            }
        }

        private void CheckPath(int slots)
        {
            for (int i = 0; i < slots; i++)
            {
                WriteNth(i, _path[i].Flags, _path[i].NextOrId, _path[i].Address, _path[i].Length);
            }

            CheckPacked();
        }

        private void Check(int head)
        {
            if (_packed)
            {
                CheckPacked();
            }
            else
            {
                CheckSplit(head);
            }
        }

        private void CheckSplit(int head)
        {
            RawRing raw = _ring.Driver.Raw;
            raw.SetAvail(raw.AvailIndex % Size, (ushort)head);
            raw.AvailIndex++;
            CheckOne(ReferenceWalk.Of(_ring, head, _direction));
        }

        private void CheckPacked()
        {
            // The head's flags turn it over to the device; the others keep whatever state they had, which must not matter.
            RawRing raw = _ring.Driver.Raw;
            RawDescriptor first = raw[_slot];
            raw[_slot] = first with { Flags = (ushort)((first.Flags & 7) | (_wrap ? 1 << 7 : 1 << 15)) };
            CheckOne(ReferenceWalk.Of(_ring, _slot, _direction));
        }

        private void CheckOne(ReferenceWalk expected)
        {
            Cases++;
            int count = _ring.Device.Peek(_ring.Burst, 1, _direction);
            if (expected.Slots == 0)
            {
                Verify.True(count == 0 && _ring.Device.IsBroken, $"a ring that nobody can follow was not given up: {Describe()}");
                Assert.Contains(_ring.Device.LastError, expected.Reasons);
                _ring.Restart(_packed ? Position() | (Position() << 16) : _ring.Driver.Raw.AvailIndex);
                return;
            }

            Verify.True(count == 1, $"{count} chains were found: {Describe()}");
            expected.Check(_ring.Device, 0, Describe);
            Good += expected.Reasons.Count == 0 ? 1 : 0;
            _ring.Device.Complete(1);
            CheckUsed(expected);
        }

        /// <summary>A chain goes back under its own id, a bad one with length 0.</summary>
        private void CheckUsed(ReferenceWalk expected)
        {
            RawRing raw = _ring.Driver.Raw;
            if (!_packed)
            {
                Assert.Equal((expected.Id, 0u), raw.GetUsed((ushort)(raw.UsedIndex - 1) % Size));
                return;
            }

            RawDescriptor used = raw[_slot];
            Assert.Equal(expected.Id, used.NextOrId);
            Assert.Equal(_wrap ? 0x8080 : 0, used.Flags & 0x8080);
            _slot += expected.Slots;
            if (_slot >= Size)
            {
                _slot -= Size;
                _wrap = !_wrap;
            }
        }

        private uint Position() => (uint)_slot | (_wrap ? 0x8000u : 0);

        private void WriteNth(int position, int flags, int id, ulong address, uint length) =>
            Write((_slot + position) % Size, flags, id, address, length);

        private void Write(int slot, int flags, int nextOrId, ulong address, uint length)
        {
            if (_packed)
            {
                // Not available to the device in either turn, until the head is turned over.
                flags |= _wrap ? 1 << 15 : 1 << 7;
            }

            _ring.Driver.Raw[slot] = new RawDescriptor(address, length, (ushort)flags, (ushort)nextOrId);
        }

        private void WriteEntry(ulong table, int entry, int flags, int nextOrId, ulong address, uint length) =>
            _ring.Driver.Raw.SetIndirect(_ring.Memory, table, entry, new RawDescriptor(address, length, (ushort)flags, (ushort)nextOrId));

        private string Describe()
        {
            var text = new StringBuilder($"{(_packed ? "packed" : "split")} {_direction}, slot {_slot}:");
            for (int i = 0; i < Size; i++)
            {
                text.Append($" [{i}] {_ring.Driver.Raw[i]}");
            }

            return text.ToString();
        }
    }
}
