using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Frames;

/// <summary>A guest's transmit side: cuts frames into chains of any shape.</summary>
internal sealed class FrameSender
{
    private const int PiecesMax = 20;
    private const int GapMax = 24;

    private readonly Random _random;
    private readonly DriverQueue _queue;
    private readonly Playground _memory;
    private readonly bool _mayIndirect;
    private readonly UsedChain[] _used;
    private readonly List<GuestBuffer[]> _chains = [];

    public FrameSender(Random random, DriverQueue queue, ulong features, Playground memory)
    {
        _random = random;
        _queue = queue;
        _memory = memory;
        _mayIndirect = (features & VirtioFeatures.INDIRECT_DESC) != 0;
        _used = new UsedChain[queue.Size];
    }

    /// <summary>Chains offered so far.</summary>
    public long Offered { get; private set; }

    /// <summary>Chains that did not come back yet.</summary>
    public int Outstanding => _queue.Outstanding;

    /// <summary>The chains that were offered since <see cref="TakeBack"/>.</summary>
    public IReadOnlyList<GuestBuffer[]> Chains => _chains;

    /// <summary>Offers a frame; false when ring or memory is full.</summary>
    public bool TryOffer(OfferedFrame frame)
    {
        if (_memory.Free < frame.Bytes.Length + (PiecesMax * GapMax))
        {
            return false;
        }

        GuestBuffer[] pieces = Cut(frame.Bytes);
        if (!frame.IsGood && _random.OneIn(30))
        {
            Spoil(pieces);
        }

        if (_queue.Add(pieces, 0, _mayIndirect && _random.OneIn(2)) < 0)
        {
            return false;
        }

        _chains.Add(pieces);
        Offered++;
        return true;
    }

    public void Publish()
    {
        _queue.Publish();
        _queue.KickIfWanted();
    }

    /// <summary>Collects chains that came back; false when none did.</summary>
    public bool Collect()
    {
        int count = _queue.CollectUsed(_used);
        foreach (UsedChain used in _used.AsSpan(0, count))
        {
            // In order, a batch is shown with one entry, and all that a spoiled chain lets the device write then counts as written.
            if (used.Length != 0 && !_queue.IsInOrder)
            {
                throw new FuzzException($"the device says that it wrote {used.Length} bytes into a frame that it was to send");
            }
        }

        return count > 0;
    }

    /// <summary>Makes the memory of all frames free again; they came back.</summary>
    public void TakeBack()
    {
        _chains.Clear();
        _memory.TakeBack();
    }

    private GuestBuffer[] Cut(byte[] bytes)
    {
        int count = _random.Next(4) switch { 0 => 1, 1 => 2, 2 => _random.Next(1, 6), _ => _random.Next(1, PiecesMax + 1) };
        var pieces = new GuestBuffer[Math.Clamp(count, 1, Math.Max(1, bytes.Length))];
        int at = 0;
        for (int i = 0; i < pieces.Length; i++)
        {
            int rest = pieces.Length - i - 1;
            int left = bytes.Length - at - rest;
            int size = rest == 0 ? left : Math.Clamp(_random.Next(4) switch { 0 => 12, 1 => 10, 2 => _random.Next(1, 70), _ => _random.Next(1, left + 1) }, 1, left);
            ulong address = _memory.Take(size, _random.Next(GapMax));
            _memory.Write(address, bytes.AsSpan(at, size));
            pieces[i] = new GuestBuffer(address, (uint)size, false);
            at += size;
        }

        return pieces;
    }

    /// <summary>Makes a chain that is none: a piece that the device is to write, one that lies nowhere, or an empty one.</summary>
    private void Spoil(GuestBuffer[] pieces)
    {
        ref GuestBuffer piece = ref pieces[_random.Next(pieces.Length)];
        piece = _random.Next(3) switch
        {
            0 => piece with { Writable = true },
            1 => piece with { Address = 0x7000_0000_0000 },
            _ => piece with { Length = 0 },
        };
    }
}
