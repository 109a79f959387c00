using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>A guest without a session: its memory, both rings with their drivers, and the port whose device works on them.</summary>
internal sealed class FrameGuest : IDisposable
{
    private readonly Virtqueue[] _device = new Virtqueue[2];
    private readonly List<EventNotifier> _notifiers = [];
    private readonly ulong _features;
    private readonly FrameGuestSpec _spec;
    private readonly FrameMemories _memories;
    private readonly FrameMemory _memory;

    /// <param name="random">Decides on everything that is not given.</param>
    /// <param name="name">The port's name.</param>
    /// <param name="thread">Works on the rings.</param>
    /// <param name="spec">What kind of guest it is.</param>
    /// <param name="memories">Gives it its memory, and gets it back.</param>
    /// <param name="faults">What is wrong with the device.</param>
    public FrameGuest(Random random, string name, IoThread thread, FrameGuestSpec spec, FrameMemories memories, FrameFaults faults)
    {
        Name = name;
        _features = spec.Features;
        (_spec, _memories) = (spec, memories);
        _memory = memories.Take(name, spec.InboxSize, spec.OutboxSize);
        Rx = Create(0, spec.ReceiveRing);
        Tx = Create(1, spec.TransmitRing);
        Receiver = new FrameReceiver(random, name, spec, Rx, Inbox);
        Sender = new FrameSender(random, Tx, _features, Outbox);
        Port = new VhostUserPort(name, new VirtioNetOptions(), [thread]);
        Port.Device.FeaturesNegotiated(faults.Negotiated(_features));
    }

    public string Name { get; }

    public GuestMemory Memory => _memory.Guest;

    /// <summary>Where its receive buffers lie.</summary>
    public Playground Inbox => _memory.Inbox;

    /// <summary>Where the frames lie that it sends.</summary>
    public Playground Outbox => _memory.Outbox;

    public DriverQueue Rx { get; }

    public DriverQueue Tx { get; }

    public FrameReceiver Receiver { get; }

    public FrameSender Sender { get; }

    public VhostUserPort Port { get; }

    public int HeaderSize => (_features & (VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF)) != 0 ? 12 : 10;

    /// <summary>Its byte order is not this machine's.</summary>
    public bool SwapBytes => _spec.SwapBytes;

    /// <summary>Fills the receive ring and starts the device.</summary>
    public void Start()
    {
        Receiver.Offer();
        _device[0] = Create(Rx);
        _device[1] = Create(Tx);
        foreach (Virtqueue queue in _device)
        {
            Port.Device.StartQueue(queue);
        }
    }

    public void Stop()
    {
        foreach (Virtqueue queue in _device)
        {
            if (queue is not null)
            {
                Port.Device.StopQueue(queue);
                queue.Dispose();
            }
        }

        _notifiers.ForEach(n => n.Dispose());
        _notifiers.Clear();
        Array.Clear(_device);
    }

    /// <summary>Begins anew on the same rings, as a guest's driver does that was loaded again.</summary>
    public void Restart()
    {
        Stop();
        Rx.Reset();
        Tx.Reset();
        Receiver.Forget();
        Start();
    }

    /// <summary>Frees everything. Its port has left the network.</summary>
    public void Dispose()
    {
        Stop();
        Port.Dispose();
        Rx.Dispose();
        Tx.Dispose();
        _memories.Give(Name, _spec.InboxSize, _spec.OutboxSize, _memory);
    }

    private DriverQueue Create(int index, int size) =>
        DriverQueue.Create(
            Memory,
            new DriverQueueOptions { Index = index, Size = size, Features = _features, SwapBytes = SwapBytes, IndirectLength = 24, Region = Memory.Regions[0] });

    private Virtqueue Create(DriverQueue queue)
    {
        Virtqueue device = VirtqueueFactory.Create(
            new VirtqueueLayout
            {
                Index = queue.Index,
                Size = queue.Size,
                Features = _features,
                Descriptors = Memory.HostAddress(queue.DescriptorAddress),
                Driver = Memory.HostAddress(queue.DriverAddress),
                Device = Memory.HostAddress(queue.DeviceAddress),
                Buffers = Memory.ToAddressSpace(),
                SwapBytes = SwapBytes,
            },
            queue.StartBase);
        device.Kick = new EventNotifier(queue.Kick.Duplicate());
        device.CallNotifier = new EventNotifier(queue.Call.Duplicate());
        device.Enabled = true;
        _notifiers.Add(device.Kick);
        _notifiers.Add(device.CallNotifier);
        return device;
    }
}
