using System.Buffers.Binary;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// One direction of a soak: sequenced, checksummed frames of random size, cut into random descriptor chains, from a guest's transmit queue to a guest's receive
/// queue, whose buffers have random sizes too. Whatever arrives is checked byte for byte; anything lost, doubled, reordered or altered fails.
/// </summary>
internal sealed class SoakTraffic
{
    private const int FrameMin = 64;
    private const uint RxBufferMin = 128;

    /// <summary>IEEE 802 local experimental ethertype 1.</summary>
    private const ushort ExperimentalType = 0x88b5;
    private readonly GuestRig _from;
    private readonly GuestRig _to;
    private readonly DriverQueue _tx;
    private readonly DriverQueue _rx;
    private readonly Random _random;
    private readonly int _frameMax;
    private readonly uint _rxBufferMax;
    private readonly bool _indirect;
    private readonly ulong _txArea;
    private readonly Stack<int> _freeSlots = new();
    private readonly UsedChain[] _used = new UsedChain[64];
    private readonly byte[] _frame;
    private readonly Queue<(ulong Address, uint Size)> _spareRx = new();
    private readonly Dictionary<ulong, uint> _rxSizes = [];
    private byte[] _assembly;
    private int _assembled;
    private int _partsLeft;

    /// <summary>Prepares one direction.</summary>
    /// <param name="from">The sender.</param>
    /// <param name="to">The receiver.</param>
    /// <param name="seed">Of the random numbers.</param>
    /// <param name="frameMax">Bytes of the longest frame.</param>
    /// <param name="pair">The queue pair, of both.</param>
    public SoakTraffic(GuestRig from, GuestRig to, int seed, int frameMax, int pair = 0)
    {
        _from = from;
        _to = to;
        _rx = to.Queues[2 * pair];
        _tx = from.Queues[(2 * pair) + 1];
        _random = new Random(seed);
        _frameMax = frameMax;
        bool mergeable = (to.Features & VirtioNetFeatures.MRG_RXBUF) != 0;
        _rxBufferMax = mergeable ? 2048u : (uint)(frameMax + 12);
        _indirect = (from.Features & VirtioFeatures.INDIRECT_DESC) != 0;
        _frame = new byte[frameMax + 12];
        _assembly = new byte[frameMax + 64];
        int slots = _tx.Size / 4;
        _txArea = from.Memory.Allocate((ulong)(slots * (frameMax + 64)));
        for (int i = 0; i < slots; i++)
        {
            _freeSlots.Push(i);
        }

        for (int i = 0; i < _rx.Size; i++)
        {
            uint size = mergeable ? (uint)_random.Next((int)RxBufferMin, (int)_rxBufferMax) : _rxBufferMax;
            ulong address = to.Memory.Allocate(size);
            _rxSizes[address] = size;
            _spareRx.Enqueue((address, size));
        }
    }

    /// <summary>Source and destination address, for networks that look at them; null for random bytes.</summary>
    public (ulong Source, ulong Destination)? Addresses { get; init; }

    /// <summary>Most frames on their way, for networks that drop what a receiver has no buffers for.</summary>
    public uint Window { get; init; } = uint.MaxValue;

    public uint Sent { get; private set; }

    public uint Received { get; private set; }

    /// <summary>Sends what there is room for, up to a limit; returns how many frames.</summary>
    public int Send(uint limit)
    {
        int sent = 0;
        Reap();
        while (Sent < limit && Sent - Received < Window && _freeSlots.Count > 0)
        {
            int slot = _freeSlots.Peek();
            ulong address = _txArea + (ulong)(slot * (_frameMax + 64));
            int length = FrameMin + _random.Next(_random.Next(4) == 0 ? _frameMax - FrameMin : 200);
            Build(Sent, length);
            _from.Memory.Write(address, _frame.AsSpan(0, length + _from.HeaderSize));
            if (_tx.Add(Cut(address, (uint)(length + _from.HeaderSize)), (ulong)slot, _indirect && _random.Next(2) == 0) < 0)
            {
                break;
            }

            _freeSlots.Pop();
            Sent++;
            sent++;
        }

        if (sent > 0)
        {
            _tx.Publish();
            _tx.KickIfWanted();
        }

        return sent;
    }

    /// <summary>Takes and checks what arrived, and offers buffers again; returns how many chains were used.</summary>
    public int Receive()
    {
        int count = _rx.CollectUsed(_used);
        for (int i = 0; i < count; i++)
        {
            Take(_used[i]);
            _spareRx.Enqueue((_used[i].Cookie, _rxSizes[_used[i].Cookie]));
        }

        bool offered = false;
        while (_spareRx.TryPeek(out (ulong Address, uint Size) buffer) && _rx.Add([new GuestBuffer(buffer.Address, buffer.Size, true)], buffer.Address) >= 0)
        {
            _spareRx.Dequeue();
            offered = true;
        }

        if (offered)
        {
            _rx.Publish();
            _rx.KickIfWanted();
        }

        return count;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }

    private void Reap()
    {
        int count = _tx.CollectUsed(_used);
        for (int i = 0; i < count; i++)
        {
            _freeSlots.Push((int)_used[i].Cookie);
        }
    }

    /// <summary>Layout: header, 14 bytes of Ethernet, sequence number, length, checksum of the rest, then random bytes.</summary>
    private void Build(uint sequence, int length)
    {
        int header = _from.HeaderSize;
        Span<byte> frame = _frame.AsSpan(header, length);
        _frame.AsSpan(0, header).Clear();
        _random.NextBytes(frame);
        if (Addresses is { } addresses)
        {
            Write(frame, addresses.Destination);
            Write(frame[6..], addresses.Source);
            BinaryPrimitives.WriteUInt16BigEndian(frame[12..], ExperimentalType);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(frame[14..], sequence);
        BinaryPrimitives.WriteInt32LittleEndian(frame[18..], length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[22..], Checksum(frame[26..]));
    }

    private static void Write(Span<byte> at, ulong address)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)(address >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(at[2..], (uint)address);
    }

    private GuestBuffer[] Cut(ulong address, uint length)
    {
        var parts = new List<GuestBuffer>();
        int pieces = 1 + _random.Next(_random.Next(2) == 0 ? 1 : 4);
        while (pieces-- > 1 && length > 2)
        {
            uint piece = (uint)_random.Next(1, (int)Math.Min(length, 300));
            parts.Add(new GuestBuffer(address, piece, false));
            address += piece;
            length -= piece;
        }

        parts.Add(new GuestBuffer(address, length, false));
        return [.. parts];
    }

    private void Take(UsedChain used)
    {
        int header = _to.HeaderSize;
        Assert.InRange(used.Length, 1u, _rxSizes[used.Cookie]);
        if (_partsLeft == 0)
        {
            Span<byte> head = stackalloc byte[12];
            _to.Memory.Read(used.Cookie, head[..header]);
            _partsLeft = header == 12 && (_to.Features & VirtioNetFeatures.MRG_RXBUF) != 0 ? BinaryPrimitives.ReadUInt16LittleEndian(head[10..]) : 1;
            _assembled = 0;
        }

        if (_assembled + (int)used.Length > _assembly.Length)
        {
            Array.Resize(ref _assembly, _assembled + (int)used.Length);
        }

        _to.Memory.Read(used.Cookie, _assembly.AsSpan(_assembled, (int)used.Length));
        _assembled += (int)used.Length;
        if (--_partsLeft == 0)
        {
            CheckFrame(_assembly.AsSpan(header, _assembled - header));
        }
    }

    private void CheckFrame(ReadOnlySpan<byte> frame)
    {
        Assert.Equal(Received, BinaryPrimitives.ReadUInt32LittleEndian(frame[14..]));
        Assert.Equal(frame.Length, BinaryPrimitives.ReadInt32LittleEndian(frame[18..]));
        Assert.Equal(Checksum(frame[26..]), BinaryPrimitives.ReadUInt32LittleEndian(frame[22..]));
        Received++;
    }
}
