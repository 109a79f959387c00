using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>Both rings of one shape, in memory of their own, and the device's side of them while it runs.</summary>
internal sealed class RingPair : IDisposable
{
    private readonly ulong _features;
    private readonly Virtqueue?[] _queues = new Virtqueue?[2];
    private readonly AddressSpaceLayout _space;

    public RingPair(ulong features, int size)
    {
        _features = features;
        Receive = DriverQueue.Create(Arena.Memory, new DriverQueueOptions { Index = 0, Size = size, Features = features, IndirectLength = 0, Region = Arena.Rings });
        Transmit = DriverQueue.Create(Arena.Memory, new DriverQueueOptions { Index = 1, Size = size, Features = features, IndirectLength = 0, Region = Arena.Rings });
        Arena.Seal(Receive, Transmit);
        _space = new AddressSpaceLayout(Arena.Memory);
    }

    public RingArena Arena { get; } = new(64 << 10);

    public DriverQueue Receive { get; }

    public DriverQueue Transmit { get; }

    /// <summary>Of the receive and of the transmit ring, for the present case.</summary>
    public RingScribbler[] Scribblers { get; private set; } = [];

    public bool IsBroken => _queues.Any(q => q is { IsBroken: true });

    /// <summary>The case's own state: what the last one left in the rings is gone.</summary>
    public void Begin(Random random)
    {
        Receive.Reset();
        Transmit.Reset();
        Arena.ClearTables();
        Scribblers = [new RingScribbler(random, Receive, Arena, true), new RingScribbler(random, Transmit, Arena, false)];
    }

    public void Start(EchoDevice device, Func<VirtqueueLayout, uint, Virtqueue> create)
    {
        Start(device, create, Receive, Receive.StartBase);
        Start(device, create, Transmit, Transmit.StartBase);
    }

    public void Stop(EchoDevice device)
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            if (_queues[i] is { } queue)
            {
                device.StopQueue(queue);
                queue.Dispose();
                _queues[i] = null;
            }
        }

        Device = null;
    }

    /// <summary>The device looks at both rings.</summary>
    public void Work(EchoDevice device) => device.QueueChanged(_queues[1]!);

    /// <summary>Stops both rings and starts them at any position, as a guest's reset does.</summary>
    public void Revive(Random random, EchoDevice device, Func<VirtqueueLayout, uint, Virtqueue> create)
    {
        Stop(device);
        Start(device, create, Receive, Position(random, Receive));
        Start(device, create, Transmit, Position(random, Transmit));
    }

    /// <summary>Nothing of the case runs any more.</summary>
    public void End()
    {
        if (Device is { } device)
        {
            Stop(device);
        }
    }

    public void Dispose()
    {
        Receive.Dispose();
        Transmit.Dispose();
        Arena.Dispose();
    }

    private EchoDevice? Device { get; set; }

    private static uint Position(Random random, DriverQueue queue)
    {
        if (!queue.IsPacked)
        {
            // A split ring goes on where its used index stands.
            return queue.Raw.UsedIndex;
        }

        uint position = (uint)random.Next(queue.Size) | (random.OneIn(2) ? 0x8000u : 0);
        return position | (position << 16);
    }

    private void Start(EchoDevice device, Func<VirtqueueLayout, uint, Virtqueue> create, DriverQueue queue, uint position)
    {
        Device = device;
        Virtqueue virtqueue = create(_space.Of(queue, _features), position);
        virtqueue.Enabled = true;
        _queues[queue.Index] = virtqueue;
        device.StartQueue(virtqueue);
    }
}
