using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.InProcess;

/// <summary>A guest's two rings with their buffers, driven from the bench's own thread, and the port that works on them.</summary>
internal sealed class BenchGuest : IDisposable
{
    public const int HeaderSize = 12;
    private const ulong RegionSize = 32 << 20;

    // As many as a driver leaves unused at most while it refills.
    private const int RingSpare = 8;
    private readonly GuestShape _shape;
    private readonly GuestMemory _memory = new();
    private readonly MigrationLog? _log;
    private readonly DirtyLogArea? _logArea;
    private readonly Virtqueue[] _devices;
    private readonly EventNotifier[] _notifiers;
    private readonly UsedChain[] _used;
    private int _nextRegion;

    /// <summary>Makes a guest whose receive ring is full of buffers. Its port has to join a network before <see cref="Start"/>.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="thread">The thread that the queues belong to; it does not run while the bench does.</param>
    /// <param name="shape">What it negotiates.</param>
    public BenchGuest(string name, IoThread thread, GuestShape shape)
    {
        _shape = shape;
        for (int i = 0; i < shape.Regions; i++)
        {
            _memory.AddRegion(0x1_0000_0000 + ((ulong)i << 30), RegionSize);
        }

        if (shape.DirtyLog)
        {
            _log = MigrationLog.Create(_memory.EndOfMemory);
            _logArea = DirtyLogArea.Map(_log.File.Duplicate(), _log.Size, 0);
        }

        Rx = DriverQueue.Create(_memory, new DriverQueueOptions { Index = 0, Size = shape.RingSize, Features = shape.Features });
        Tx = DriverQueue.Create(_memory, new DriverQueueOptions { Index = 1, Size = shape.RingSize, Features = shape.Features, IndirectLength = 32 });
        Rx.DisableCalls();
        Tx.DisableCalls();

        // The guest reads on this very CPU, where moving frames away from its own caches only costs.
        Port = new VhostUserPort(name, new VirtioNetOptions { CacheDemotion = false }, [thread]);
        _devices = [Create(Rx), Create(Tx)];
        _notifiers = [.. _devices.SelectMany(d => new[] { d.Kick!, d.CallNotifier! })];
        _used = new UsedChain[shape.RingSize];
        for (int i = 0; i < (shape.RingSize - RingSpare) / shape.RxDescriptors; i++)
        {
            OfferReceive(Take((uint)shape.RxBufferSize));
        }

        Rx.Publish();
    }

    public VhostUserPort Port { get; }

    public DriverQueue Rx { get; }

    public DriverQueue Tx { get; }

    /// <summary>Frames that the guest got.</summary>
    public long Received => Port.Pairs[0].Rx.Counters.Frames;

    public GuestMemory Memory => _memory;

    public void Start()
    {
        Port.Device.FeaturesNegotiated(_shape.Features);
        foreach (Virtqueue device in _devices)
        {
            Port.Device.StartQueue(device);
        }
    }

    /// <summary>Allocates a buffer, in the regions by turns.</summary>
    public ulong Take(uint size) => _memory.Allocate(size, 64, _memory.Regions[_nextRegion++ % _memory.Regions.Count]);

    /// <summary>Lets the back end look at the transmit ring.</summary>
    public void RunBackend() => Port.Pairs[0].Tx.Run();

    /// <summary>Collects what came in and offers its buffers anew.</summary>
    public void CollectReceived()
    {
        int count = Rx.CollectUsed(_used);
        if (_shape.RxDescriptors > 1)
        {
            for (int i = 0; i < count; i++)
            {
                OfferReceive(_used[i].Cookie);
            }
        }
        else
        {
            OfferReceiveBatch(count);
        }

        Rx.Publish();
    }

    /// <summary>Takes back the buffers of what was sent.</summary>
    public void CollectSent()
    {
        _ = Tx.CollectUsed(_used);
    }

    /// <summary>Frees everything. The queues' thread runs, or nobody uses the rings.</summary>
    public void Dispose()
    {
        foreach (Virtqueue device in _devices)
        {
            Port.Device.StopQueue(device);
            device.Dispose();
        }

        Port.Dispose();
        foreach (EventNotifier notifier in _notifiers)
        {
            notifier.Dispose();
        }

        Rx.Dispose();
        Tx.Dispose();
        _logArea?.Dispose();
        _log?.Dispose();
        _memory.Dispose();
    }

    private void OfferReceiveBatch(int count)
    {
        Span<GuestBuffer> buffers = stackalloc GuestBuffer[64];
        int filled = 0;
        for (int i = 0; i < count; i++)
        {
            buffers[filled++] = new GuestBuffer(_used[i].Cookie, (uint)_shape.RxBufferSize, true);
            if (filled == buffers.Length || i == count - 1)
            {
                Rx.AddBatch(buffers[..filled]);
                filled = 0;
            }
        }
    }

    private void OfferReceive(ulong address)
    {
        Span<GuestBuffer> parts = stackalloc GuestBuffer[_shape.RxDescriptors];
        uint length = (uint)(_shape.RxBufferSize / parts.Length);
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = new GuestBuffer(address + ((uint)i * length), length, true);
        }

        Rx.Add(parts, address);
    }

    private Virtqueue Create(DriverQueue queue)
    {
        Virtqueue device = VirtqueueFactory.Create(
            new VirtqueueLayout
            {
                Index = queue.Index,
                Size = queue.Size,
                Features = _shape.Features,
                Descriptors = _memory.HostAddress(queue.DescriptorAddress),
                Driver = _memory.HostAddress(queue.DriverAddress),
                Device = _memory.HostAddress(queue.DeviceAddress),
                Buffers = _memory.ToAddressSpace(),
                Host = _memory.ToAddressSpace(),
                Log = _logArea is null ? null : new DirtyLog(_logArea),
                UsedLogAddress = _logArea is null ? null : queue.DeviceAddress,
            },
            queue.StartBase);
        device.Kick = new EventNotifier(queue.Kick.Duplicate());
        device.CallNotifier = new EventNotifier(queue.Call.Duplicate());
        device.Enabled = true;
        return device;
    }
}
