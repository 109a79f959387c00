using System.Runtime.InteropServices;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Fills a whole ring with what costs most to look at, whatever a driver would do.</summary>
internal static class HostileRing
{
    private const ushort NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 0x80;
    private const int TableEntries = 1024;
    private const uint BufferSize = 2048;

    /// <summary>Everything from slot 0 on, once, on a ring that was not used before.</summary>
    public static void Fill(GuestRig guest, DriverQueue queue, RingShape shape, bool write, Random random)
    {
        var maker = new Maker(guest.Memory, queue.Raw, write, random);
        switch (shape)
        {
            case RingShape.EmptyLoop:
                maker.Chain(0, queue.Raw.Size, 0, closed: false);
                break;
            case RingShape.OneByteChain:
                maker.Chain(0, Math.Min(queue.Raw.Size, TableEntries), 1, closed: true);
                break;
            case RingShape.EmptiesThenOne:
                maker.Chain(0, Math.Min(queue.Raw.Size, TableEntries) - 1, 0, closed: true);
                maker.Last(Math.Min(queue.Raw.Size, TableEntries) - 1);
                break;
            case RingShape.BadThenGood:
                maker.Each(i => i % 17 == 16 ? maker.Buffer(BufferSize) : maker.Buffer(BufferSize) with { Flags = (ushort)(write ? 0 : WRITE) });
                break;
            case RingShape.EmptyTables:
                maker.Each(_ => maker.Table(0));
                break;
            case RingShape.OneByteTables:
                maker.Each(_ => maker.Table(1));
                break;
            case RingShape.WrongDirection:
                maker.Each(_ => maker.Buffer(BufferSize) with { Flags = (ushort)(write ? 0 : WRITE) });
                break;
            case RingShape.OneByteBuffers:
                maker.Each(_ => maker.Buffer(1));
                break;
            case RingShape.HeaderOnly:
                maker.Each(_ => maker.Buffer(12));
                break;
            case RingShape.LongFrames:
                maker.Each(_ => maker.Buffer(65535));
                break;
            case RingShape.Segmented:
                uint length = maker.WriteSegmented();
                maker.Each(_ => maker.Buffer(length));
                break;
            case RingShape.Random:
                maker.Each(_ => maker.Any());
                break;
            default:
                maker.Each(_ => maker.Buffer(BufferSize));
                break;
        }

        maker.Publish();
    }

    private sealed class Maker
    {
        private readonly GuestMemory _memory;
        private readonly RawRing _raw;
        private readonly ushort _write;
        private readonly Random _random;
        private readonly ulong _data;
        private readonly ulong _table;
        private bool _oneChain;
        private bool _tableMade;

        public Maker(GuestMemory memory, RawRing raw, bool write, Random random)
        {
            (_memory, _raw, _write, _random) = (memory, raw, write ? WRITE : (ushort)0, random);
            _data = memory.Allocate(1 << 17);
            _table = memory.Allocate(16 * TableEntries);
        }

        /// <summary>Lays a frame with its header into the buffer that all descriptors name; returns the bytes of both.</summary>
        public uint WriteSegmented()
        {
            var frame = new FrameBuilder { Tcp = true, Payload = new byte[65000] };
            VirtioNetHeader header = frame.Header(128);
            MemoryMarshal.Write(_memory.Bytes(_data, VirtioNetHeader.Size), in header);
            byte[] bytes = frame.Partial();
            bytes.CopyTo(_memory.Bytes(_data + VirtioNetHeader.Size, bytes.Length));
            return (uint)(VirtioNetHeader.Size + bytes.Length);
        }

        public RawDescriptor Buffer(uint length) => new(_data, length, _write, 0);

        /// <summary>One chain of so many descriptors; a split ring names it by every head.</summary>
        public void Chain(int first, int count, uint length, bool closed)
        {
            for (int i = 0; i < count; i++)
            {
                ushort next = i < count - 1 ? NEXT : closed || _raw.IsPacked ? (ushort)0 : NEXT;
                Put(first + i, new RawDescriptor(_data, length, (ushort)(_write | next), (ushort)(i < count - 1 ? first + i + 1 : first)));
            }

            _oneChain = true;
        }

        /// <summary>The end of the chain that was made: one buffer.</summary>
        public void Last(int slot)
        {
            Put(slot - 1, _raw[slot - 1] with { Flags = (ushort)(_write | NEXT | (_raw.IsPacked ? AVAIL : 0)), NextOrId = (ushort)slot });
            Put(slot, Buffer(BufferSize));
        }

        public void Each(Func<int, RawDescriptor> make)
        {
            for (int i = 0; i < _raw.Size; i++)
            {
                Put(i, make(i));
            }
        }

        public RawDescriptor Table(uint length)
        {
            for (int i = 0; i < TableEntries && !_tableMade; i++)
            {
                bool last = i == TableEntries - 1;
                _raw.SetIndirect(_memory, _table, i, new RawDescriptor(_data, length, (ushort)(_write | (last ? 0 : NEXT)), (ushort)(last ? 0 : i + 1)));
            }

            _tableMade = true;
            return new RawDescriptor(_table, 16 * TableEntries, INDIRECT, 0);
        }

        public RawDescriptor Any()
        {
            ushort flags = (ushort)(_write | (_random.Next(4) == 0 ? NEXT : 0) | (_random.Next(60) == 0 ? WRITE : 0));
            uint length = _random.Next(5) switch { 0 => 0, 1 => 1, 2 => (uint)_random.Next(100), 3 => BufferSize, _ => (uint)_random.Next(65536) };
            return _random.Next(8) == 0
                ? new RawDescriptor(_table, 16 * (uint)_random.Next(TableEntries + 1), (ushort)(INDIRECT | (_random.Next(30) == 0 ? NEXT : 0)), 0)
                : new RawDescriptor(_random.Next(50) == 0 ? 16 : _data, length, flags, (ushort)_random.Next(_raw.Size));
        }

        public void Publish()
        {
            if (_raw.IsPacked)
            {
                return;
            }

            for (int i = 0; i < _raw.Size; i++)
            {
                _raw.SetAvail(i, (ushort)(_oneChain ? 0 : i));
            }

            _raw.AvailIndex = (ushort)_raw.Size;
        }

        private void Put(int slot, RawDescriptor descriptor) =>
            _raw[slot] = _raw.IsPacked ? descriptor with { Flags = (ushort)(descriptor.Flags | AVAIL), NextOrId = (ushort)slot } : descriptor;
    }
}
