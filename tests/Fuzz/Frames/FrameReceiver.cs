using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>A guest's receive side: keeps the ring as full as it can be, puts frames together and checks each against what the guest was promised.</summary>
internal sealed class FrameReceiver
{
    /// <summary>Whatever the buffers look like, a frame of this size finds room in a full ring.</summary>
    private const int SmallFrame = 256;

    /// <summary>A ring of less may hold two buffers at a time, as each takes up to four descriptors.</summary>
    private const int FewBuffers = 64;

    private readonly string _name;
    private readonly ulong _features;
    private readonly bool _swaps;
    private readonly DriverQueue _queue;
    private readonly bool _indirect;
    private readonly ReceiveBuffer[] _buffers;
    private readonly Queue<int> _free = new();
    private readonly UsedChain[] _used;
    private readonly List<byte> _partial = [];
    private VirtioNetHeader _header;
    private int _left;

    public FrameReceiver(Random random, string name, FrameGuestSpec spec, DriverQueue queue, Playground memory)
    {
        _name = name;
        _features = spec.Features;
        _swaps = spec.SwapBytes;
        _queue = queue;
        _indirect = Has(VirtioFeatures.INDIRECT_DESC) && random.OneIn(2);
        _buffers = Shape(random, memory, spec.MayScatter || _indirect ? random.Next(1, 5) : 1);
        _used = new UsedChain[queue.Size];
        Forget();
    }

    /// <summary>Frames that came.</summary>
    public long Frames { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    private bool IsMergeable => Has(VirtioNetFeatures.MRG_RXBUF);

    private int HeaderSize => Has(VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF) ? VirtioNetHeader.Size : VirtioNetHeader.LegacySize;

    /// <summary>Offers every buffer that there is room for.</summary>
    public void Offer()
    {
        while (_free.TryPeek(out int next) && _queue.Add(_buffers[next].Pieces, (ulong)next, _indirect) >= 0)
        {
            _free.Dequeue();
        }

        _queue.Publish();
        _queue.KickIfWanted();
    }

    /// <summary>Takes what came and offers the buffers again.</summary>
    public List<ReceivedFrame> Collect()
    {
        var frames = new List<ReceivedFrame>();
        int count;
        while ((count = _queue.CollectUsed(_used)) > 0)
        {
            foreach (UsedChain used in _used.AsSpan(0, count))
            {
                if (Take(used) is { } frame)
                {
                    frames.Add(frame);
                }
            }

            Offer();
        }

        return frames;
    }

    /// <summary>All is quiet: the device has shown whole frames only.</summary>
    public void CheckWhole()
    {
        if (_left != 0)
        {
            throw new FuzzException($"{_name}: num_buffers promised {_left} more buffers than were used");
        }
    }

    /// <summary>The ring was reset: nothing is offered any more.</summary>
    public void Forget()
    {
        _free.Clear();
        _left = 0;
        for (int i = 0; i < _buffers.Length; i++)
        {
            _free.Enqueue(i);
        }
    }

    private ReceivedFrame? Take(UsedChain used)
    {
        ReceiveBuffer buffer = _buffers[(int)used.Cookie];
        _free.Enqueue((int)used.Cookie);
        if (used.Length > buffer.Length)
        {
            throw new FuzzException($"{_name}: the device says that it wrote {used.Length} bytes into a buffer of {buffer.Length}");
        }

        byte[] bytes = buffer.Accept((int)used.Length);
        if (_left == 0)
        {
            if (bytes.Length == 0 && buffer.Length < HeaderSize)
            {
                // Too short for anything: given back unused.
                return null;
            }

            Begin(bytes);
        }
        else
        {
            _partial.AddRange(bytes);
        }

        if (--_left > 0)
        {
            return bytes.Length == buffer.Length
                ? null
                : throw new FuzzException($"{_name}: num_buffers is more than the buffers used: one of {buffer.Length} bytes holds {bytes.Length} and is not the last");
        }

        byte[] frame = [.. _partial];
        Frames++;
        Bytes += frame.Length;
        Promises.Check(_name, _features, _header, frame.Length);
        return new ReceivedFrame(_header, frame);
    }

    private void Begin(byte[] bytes)
    {
        if (bytes.Length < HeaderSize)
        {
            throw new FuzzException($"{_name}: a frame begins with {bytes.Length} bytes, which is less than virtio_net_hdr");
        }

        _header = HeaderBytes.Read(bytes.AsSpan(0, HeaderSize), _swaps);
        _left = HeaderSize == VirtioNetHeader.LegacySize ? 1 : _header.NumBuffers;
        if (_left < 1 || (_left > 1 && !IsMergeable) || _left > _buffers.Length)
        {
            throw new FuzzException($"{_name}: num_buffers is {_header.NumBuffers}");
        }

        _partial.Clear();
        _partial.AddRange(bytes.AsSpan(HeaderSize));
    }

    /// <summary>Buffers of any size that together fill the ring, whatever they look like.</summary>
    private ReceiveBuffer[] Shape(Random random, Playground memory, int pieces)
    {
        int most = (memory.Free / _queue.Size) - 64;
        bool tiny = random.OneIn(4);
        int least = !IsMergeable || (tiny && _queue.Size < FewBuffers) ? SmallFrame : _queue.Size >= FewBuffers ? 24 : SmallFrame / 2;
        bool even = random.OneIn(3);
        int size = random.Next(least, most + 1);
        var buffers = new ReceiveBuffer[_queue.Size];
        for (int i = 0; i < buffers.Length; i++)
        {
            // A ring that holds two buffers at a time must not hold two that are of no use.
            int length = tiny && (_queue.Size >= FewBuffers || i == 0) && random.OneIn(40) ? random.Next(1, HeaderSize)
                : even ? size
                : random.Next(least, (random.OneIn(3) ? Math.Min(most, 1600) : most) + 1);
            buffers[i] = new ReceiveBuffer(random, memory, length, random.Next(1, pieces + 1));
        }

        return buffers;
    }

    private bool Has(ulong feature) => (_features & feature) != 0;
}
