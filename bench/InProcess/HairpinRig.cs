using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Device;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.InProcess;

/// <summary>A guest's rings and our data path in one process: what is sent comes back through the hairpin.</summary>
internal sealed class HairpinRig : IDisposable
{
    private const int RingSize = 1024;
    private const int HeaderSize = 12;
    private readonly BenchCase _case;
    private readonly GuestMemory _memory = new();
    private readonly DriverQueue _rx;
    private readonly DriverQueue _tx;
    private readonly VhostUserPort _port;
    private readonly Virtqueue _rxDevice;
    private readonly Virtqueue _txDevice;
    private readonly IoThread _thread;
    private readonly GuestBuffer[] _rxBuffers;
    private readonly GuestBuffer[] _txBuffers;
    private readonly UsedChain[] _used = new UsedChain[RingSize];
    private int _nextTx;

    public HairpinRig(BenchCase benchCase)
    {
        _case = benchCase;
        for (int i = 0; i < benchCase.Regions; i++)
        {
            _memory.AddRegion(0x1_0000_0000 + ((ulong)i << 30), 64 << 20);
        }

        _thread = new IoThread(new IoThreadOptions { Name = "bench", Policy = PollPolicy.Busy });
        _rx = DriverQueue.Create(_memory, new DriverQueueOptions { Index = 0, Size = RingSize, Features = benchCase.Features });
        _tx = DriverQueue.Create(_memory, new DriverQueueOptions { Index = 1, Size = RingSize, Features = benchCase.Features });
        _port = new VhostUserPort("bench", new VirtioNetOptions(), [_thread]);
        new HairpinNetwork("bench").Attach(_port);
        _port.Device.FeaturesNegotiated(benchCase.Features);
        _rxDevice = VirtqueueFactory.Create(Layout(_rx), _rx.StartBase);
        _txDevice = VirtqueueFactory.Create(Layout(_tx), _tx.StartBase);
        _rxDevice.Enabled = _txDevice.Enabled = true;
        _port.Device.StartQueue(_rxDevice);
        _port.Device.StartQueue(_txDevice);
        _rxBuffers = Buffers(RingSize - 8, (uint)benchCase.RxBufferSize, writable: true);
        _txBuffers = Buffers(benchCase.InFlight, (uint)(benchCase.FrameSize + HeaderSize), writable: false);
        _rx.AddBatch(_rxBuffers);
        _rx.Publish();
    }

    public long Frames => _port.Pairs[0].Rx.Counters.Frames;

    /// <summary>Offers frames, as many as are to be in flight.</summary>
    public int Offer()
    {
        if (_case.TxDescriptors == 1)
        {
            _tx.AddBatch(_txBuffers);
        }
        else
        {
            Span<GuestBuffer> parts = stackalloc GuestBuffer[2];
            foreach (GuestBuffer buffer in _txBuffers)
            {
                parts[0] = buffer with { Length = HeaderSize };
                parts[1] = new GuestBuffer(buffer.Address + HeaderSize, buffer.Length - HeaderSize, false);
                _tx.Add(parts, buffer.Address, _case.Indirect);
            }
        }

        _tx.Publish();
        return _txBuffers.Length;
    }

    /// <summary>The back end's turn: what is measured.</summary>
    public void RunBackend() => _port.Pairs[0].Tx.Run();

    /// <summary>Collects what came back and offers the receive buffers anew. Returns the receive buffers that were used.</summary>
    public int Collect()
    {
        _nextTx += _tx.CollectUsed(_used);
        int received = _rx.CollectUsed(_used);
        Span<GuestBuffer> buffers = stackalloc GuestBuffer[64];
        int count = 0;
        for (int i = 0; i < received; i++)
        {
            buffers[count++] = new GuestBuffer(_used[i].Cookie, (uint)_case.RxBufferSize, true);
            if (count == buffers.Length || i == received - 1)
            {
                _rx.AddBatch(buffers[..count]);
                count = 0;
            }
        }

        _rx.Publish();
        return received;
    }

    public void Dispose()
    {
        // The queues' thread never ran, so it can't be asked to let go of them; nothing else uses them either.
        _txDevice.Dispose();
        _rxDevice.Dispose();
        _rx.Dispose();
        _tx.Dispose();
        _memory.Dispose();
    }

    private VirtqueueLayout Layout(DriverQueue queue) => new()
    {
        Index = queue.Index,
        Size = queue.Size,
        Features = _case.Features,
        Descriptors = _memory.HostAddress(queue.DescriptorAddress),
        Driver = _memory.HostAddress(queue.DriverAddress),
        Device = _memory.HostAddress(queue.DeviceAddress),
        Buffers = _memory.ToAddressSpace(),
        Host = _memory.ToAddressSpace(),
        Log = _case.DirtyLog ? new BenchDirtyLog() : null,
        UsedLogAddress = _case.DirtyLog ? queue.DeviceAddress : null,
    };

    private GuestBuffer[] Buffers(int count, uint size, bool writable)
    {
        var buffers = new GuestBuffer[count];
        for (int i = 0; i < count; i++)
        {
            buffers[i] = new GuestBuffer(_memory.Allocate(size, 64, _memory.Regions[i % _memory.Regions.Count]), size, writable);
        }

        return buffers;
    }
}
