using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A guest without a session: driver queues over its own memory, and a port whose device works on them.</summary>
internal sealed class GuestRig : IDisposable
{
    private readonly Virtqueue[] _device;
    private readonly EventNotifier[] _notifiers;
    private bool _stopped;

    public GuestRig(string name, ulong features, IoThread thread, int ringSize = 256, bool kicks = true, bool swapBytes = false)
        : this(name, features, [thread], pairs: 1, ringSize, kicks, swapBytes)
    {
    }

    /// <summary>A guest with several queue pairs, dealt out to the threads in turn; a legacy one may have the other byte order than this machine.</summary>
    public GuestRig(string name, ulong features, IReadOnlyList<IoThread> threads, int pairs, int ringSize = 256, bool kicks = true, bool swapBytes = false)
    {
        SwapBytes = swapBytes;
        Memory = GuestMemory.Create(64 << 20, 0x1_0000_0000);
        Features = features;
        Queues = [.. Enumerable.Range(0, 2 * pairs).Select(i => DriverQueue.Create(Memory, new DriverQueueOptions { Index = i, Size = ringSize, Features = features, SwapBytes = swapBytes }))];
        Port = new VhostUserPort(name, new VirtioNetOptions { QueuePairs = pairs }, threads);
        Port.Device.FeaturesNegotiated(features);
        _device = [.. Queues.Select(q => Create(q, kicks))];
        _notifiers = [.. _device.SelectMany(d => new[] { d.Kick, d.CallNotifier }).OfType<EventNotifier>()];
    }

    public GuestMemory Memory { get; }

    public ulong Features { get; }

    public bool SwapBytes { get; }

    /// <summary>All queues: receive queue i is number 2i, transmit queue i number 2i + 1.</summary>
    public IReadOnlyList<DriverQueue> Queues { get; }

    public DriverQueue Rx => Queues[0];

    public DriverQueue Tx => Queues[1];

    public VhostUserPort Port { get; }

    public Virtqueue RxDevice => _device[0];

    public Virtqueue TxDevice => _device[1];

    public int HeaderSize => (Features & (VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF)) != 0 ? 12 : 10;

    public void Start()
    {
        foreach (Virtqueue queue in _device)
        {
            Port.Device.StartQueue(queue);
        }
    }

    public void Stop()
    {
        if (!_stopped)
        {
            _stopped = true;
            foreach (Virtqueue queue in _device)
            {
                Port.Device.StopQueue(queue);
            }
        }
    }

    public void Dispose()
    {
        Stop();
        Port.Dispose();
        foreach (Virtqueue queue in _device)
        {
            queue.Dispose();
        }

        foreach (EventNotifier notifier in _notifiers)
        {
            notifier.Dispose();
        }

        foreach (DriverQueue queue in Queues)
        {
            queue.Dispose();
        }

        Memory.Dispose();
    }

    private Virtqueue Create(DriverQueue queue, bool kicks)
    {
        Virtqueue device = VirtqueueFactory.Create(
            new VirtqueueLayout
            {
                Index = queue.Index,
                Size = queue.Size,
                Features = Features,
                Descriptors = Memory.HostAddress(queue.DescriptorAddress),
                Driver = Memory.HostAddress(queue.DriverAddress),
                Device = Memory.HostAddress(queue.DeviceAddress),
                Buffers = Memory.ToAddressSpace(),
                SwapBytes = SwapBytes,
            },
            queue.StartBase);
        device.Kick = kicks ? new EventNotifier(queue.Kick.Duplicate()) : null;
        device.CallNotifier = new EventNotifier(queue.Call.Duplicate());
        device.Enabled = true;
        return device;
    }
}
