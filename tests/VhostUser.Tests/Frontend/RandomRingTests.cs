using System.Text;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Beyond the exhaustive scope: random contents of larger rings, bursts of many chains, against <see cref="ReferenceWalk"/>. A seed reproduces a run.</summary>
public sealed class RandomRingTests
{
    private const ulong First = 0x10_0000, Second = 0x20_0000, Hole = 0x30_0000, Last = 0x40_0000;

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 8)]
    [InlineData(false, 64)]
    [InlineData(true, 1)]
    [InlineData(true, 7)]
    [InlineData(true, 64)]
    public void BurstsAreWhatTheReferenceSays(bool packed, int size)
    {
        for (int seed = 0; seed < 40; seed++)
        {
            using var run = new Run(seed, packed, size);
            for (int step = 0; step < 100; step++)
            {
                run.Step();
            }
        }
    }

    private sealed class Run : IDisposable
    {
        private readonly Random _random;
        private readonly int _seed;
        private readonly bool _packed;
        private readonly int _size;
        private readonly RingPair _ring;
        private readonly ChainDirection _direction;
        private ushort _next;
        private int _slot;
        private bool _wrap = true;

        public Run(int seed, bool packed, int size)
        {
            _random = new Random(seed);
            _seed = seed;
            _packed = packed;
            _size = size;
            ulong features = VirtioFeatures.VERSION_1 | (packed ? VirtioFeatures.RING_PACKED : 0)
                | (seed % 4 == 0 ? 0 : VirtioFeatures.INDIRECT_DESC) | (seed % 3 == 0 ? VirtioFeatures.EVENT_IDX : 0);
            var memory = new GuestMemory();
            memory.AddRegion(First, Second - First);
            memory.AddRegion(Second, Hole - Second);
            memory.AddRegion(Last, 1 << 16);
            _direction = seed % 2 == 0 ? ChainDirection.Readable : ChainDirection.Writable;
            _ring = new RingPair(features, size, memory: memory);
        }

        private RawRing Raw => _ring.Driver.Raw;

        public void Step()
        {
            Scribble();
            bool overrun = !_packed && Publish();

            // A device may know from before that enough chains are there, and then need not look at the index again; asked for more, it must.
            int max = overrun ? _size + 1 : _random.Next(1, _size + 2);
            int count = _ring.Device.Peek(_ring.Burst, max, _direction);
            if (overrun)
            {
                Verify.True(count == 0 && _ring.Device.LastError == ChainStatus.BrokenRing, $"{Describe()}");
                Restart();
                return;
            }

            Assert.InRange(count, 0, max);
            if (count == 0)
            {
                CheckNothing();
                return;
            }

            CheckBurst(count);
            int completed = _ring.Device.IsBroken ? count : _random.Next(count + 1);
            bool broken = _ring.Device.IsBroken;
            _ring.Device.Complete(completed);
            Skip(completed);
            if (broken && _packed && _ring.Device.LastError == ChainStatus.TooLong)
            {
                // The chain ran into those before it, which a reference that looks at one chain can't see: together they have more slots than the ring.
                Restart();
            }
            else if (broken)
            {
                // What stands before the chain that breaks the ring is returned; nothing behind it.
                CheckNothing();
            }
        }

        public void Dispose() => _ring.Dispose();

        private void Scribble()
        {
            for (int i = _random.Next(1, _size + 1); i > 0; i--)
            {
                Raw[_random.Next(_size)] = Descriptor(true);
            }

            for (int i = _random.Next(40); i > 0; i--)
            {
                ulong table = TablePlace();
                if (table is >= First and <= Second - 16 or >= Second and <= Hole - 16)
                {
                    Raw.SetIndirect(_ring.Memory, table, 0, Descriptor(false));
                }
            }
        }

        private RawDescriptor Descriptor(bool inRing)
        {
            int flags = _direction == ChainDirection.Writable ? 2 : 0;
            flags |= _random.Next(2);
            flags ^= _random.Next(12) == 0 ? 2 : 0;
            flags |= _random.Next(100) == 0 ? _random.Next(65536) & ~0x8080 : 0;
            bool table = inRing && _random.Next(6) == 0;
            flags = table ? (flags & ~1) | 4 | (_random.Next(20) == 0 ? 1 : 0) : flags;
            int range = inRing ? _size : 6;
            ushort nextOrId = (ushort)(_random.Next(40) == 0 ? _random.Next(65536) : _random.Next(range));
            if (_packed && inRing)
            {
                flags |= _random.Next(3) == 0 ? _random.Next(4) << 7 & 0x80 : _wrap ? 0x80 : 0x8000;
            }

            return table
                ? new RawDescriptor(TablePlace(), _random.Next(10) == 0 ? (uint)_random.Next(200) : 16u * (uint)_random.Next(1, 7), (ushort)flags, nextOrId)
                : new RawDescriptor(Place(), Length(), (ushort)flags, nextOrId);
        }

        private ulong TablePlace() => _random.Next(30) == 0 ? Place() : (_random.Next(2) == 0 ? First + 0x1_0000 : Second - 48) + (16 * (ulong)_random.Next(6));

        private ulong Place() => _random.Next(20) switch
        {
            0 => ulong.MaxValue - (ulong)_random.Next(5000),
            1 => Hole - (ulong)_random.Next(100),
            2 => Last + (ulong)_random.Next(1 << 16),
            3 => (ulong)_random.NextInt64(),
            < 8 => Second - (ulong)_random.Next(1000),
            _ => First + 0x2_0000 + (ulong)_random.Next(0x10_0000),
        };

        private uint Length() => _random.Next(40) switch
        {
            0 => 0,
            1 => uint.MaxValue - (uint)_random.Next(10),
            2 => 0x8000_0000,
            _ => (uint)_random.Next(1, 3000),
        };

        /// <summary>Split: moves the avail index; true when by more than the ring holds.</summary>
        private bool Publish()
        {
            int room = _size - (ushort)(Raw.AvailIndex - _next);
            for (int i = _random.Next(room + 1); i > 0; i--)
            {
                Raw.SetAvail(Raw.AvailIndex % _size, (ushort)(_random.Next(50) == 0 ? _random.Next(65536) : _random.Next(_size)));
                Raw.AvailIndex++;
            }

            if (_random.Next(200) != 0)
            {
                return false;
            }

            Raw.AvailIndex = (ushort)(_next + _random.Next(_size + 1, 65536));
            return true;
        }

        private bool IsAvailable(int slot, bool wrap) => (Raw[slot].Flags & 0x8080) == (wrap ? 0x80 : 0x8000);

        private void CheckNothing()
        {
            bool available = _packed ? IsAvailable(_slot, _wrap) : Raw.AvailIndex != _next;
            if (!available)
            {
                Verify.True(!_ring.Device.IsBroken, $"{Describe()}");
                return;
            }

            ReferenceWalk expected = ReferenceWalk.Of(_ring, _packed ? _slot : Raw.GetAvail(_next % _size), _direction);
            Verify.True(expected.Slots == 0 && _ring.Device.IsBroken, $"{Describe()}");
            Assert.Contains(_ring.Device.LastError, expected.Reasons);
            Restart();
        }

        private void CheckBurst(int count)
        {
            int lastBad = Enumerable.Range(0, count).LastOrDefault(i => _ring.Burst[i].IsMalformed, -1);
            (int slot, bool wrap) = (_slot, _wrap);
            for (int i = 0; i < count; i++)
            {
                Verify.True(!_packed || IsAvailable(slot, wrap), $"{Describe()}");
                ReferenceWalk expected = ReferenceWalk.Of(_ring, _packed ? slot : Raw.GetAvail((ushort)(_next + i) % _size), _direction);
                Assert.NotEqual(0, expected.Slots);
                expected.Check(_ring.Device, i, Describe, i >= lastBad && !_ring.Device.IsBroken);
                Advance(ref slot, ref wrap, expected.Slots);
            }
        }

        private void Skip(int completed)
        {
            _next += (ushort)completed;
            for (int i = 0; i < completed && _packed; i++)
            {
                // The used descriptor overwrote the head, so the device's own word is taken for where it stands; the walk was compared before.
                uint at = _ring.Device.Base;
                (_slot, _wrap) = ((int)(at & 0x7fff), (at & 0x8000) != 0);
            }

            if (!_packed)
            {
                Assert.Equal(_next, Raw.UsedIndex);
                Assert.Equal(_next, (ushort)_ring.Device.Base);
            }
        }

        private void Restart()
        {
            if (_packed)
            {
                uint at = (uint)_slot | (_wrap ? 0x8000u : 0);
                Raw[_slot] = new RawDescriptor(0, 0, (ushort)(_wrap ? 0x8000 : 0x80), 0);
                _ring.Restart(at | (at << 16));
                return;
            }

            _next = Raw.UsedIndex;
            Raw.AvailIndex = _next;
            _ring.Restart(_next);
        }

        private void Advance(ref int slot, ref bool wrap, int slots)
        {
            slot += slots;
            if (slot >= _size)
            {
                slot -= _size;
                wrap = !wrap;
            }
        }

        private string Describe()
        {
            var text = new StringBuilder($"seed {_seed}, {(_packed ? "packed" : "split")} {_direction}, slot {_slot}, {_ring.Device.LastError}:");
            for (int i = 0; i < _size; i++)
            {
                text.Append($" [{i}] {Raw[i]}");
            }

            return text.ToString();
        }
    }
}
