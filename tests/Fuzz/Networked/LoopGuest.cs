using VhostNet.Aio;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Networked;

/// <summary>A port with its guest's rings as plain memory, and no session between them.</summary>
internal sealed class LoopGuest : IDisposable
{
    private readonly Virtqueue?[] _device = new Virtqueue?[2];
    private readonly EventNotifier?[] _kicks = new EventNotifier?[2];
    private readonly AddressSpaceLayout _space;
    private long _before;

    public LoopGuest(string name, IoThread thread, int ringSize = 256, ulong features = 0, int frameMax = 2048, int slots = 256)
    {
        Rings = new AttackGuest("", ringSize, features, frameMax, slots);
        _space = new AddressSpaceLayout(Rings.Memory);
        Port = new VhostUserPort(name, new VirtioNetOptions(), [thread]);
        Port.Device.FeaturesNegotiated(Rings.Features & ~VirtioFeatures.PROTOCOL_FEATURES);
        Rings.Reset();
    }

    public AttackGuest Rings { get; }

    public VhostUserPort Port { get; }

    /// <summary>What the guest's last transmit turn took from its budget. On the loop's thread.</summary>
    public long SpentInTurn => Port.Pairs[0].Tx.Spent;

    /// <summary>What was done for the guest's rings since it was made, in nominal nanoseconds, by the rings' own counters: descriptors read, frames and bytes copied. On the loop's thread.</summary>
    public long Work
    {
        get
        {
            ref FrameCounters came = ref Port.Pairs[0].Rx.Counters;
            return _before + _device.Sum(DescriptorsOf) + (came.Frames * TurnBudget.CopyCost) + (came.Bytes / TurnBudget.BytesPerUnit);
        }
    }

    /// <summary>Starts both rings as they are, or only one.</summary>
    public void Start(int? only = null)
    {
        foreach (DriverQueue queue in (DriverQueue[])[Rings.Rx, Rings.Tx])
        {
            if (only is { } index && index != queue.Index)
            {
                continue;
            }

            Virtqueue device = VirtqueueFactory.Create(_space.Of(queue, Rings.Features & ~VirtioFeatures.PROTOCOL_FEATURES), queue.StartBase);
            device.Kick = _kicks[queue.Index] = new EventNotifier(queue.Kick.Duplicate());
            device.Enabled = true;
            _device[queue.Index] = device;
            Port.Device.StartQueue(device);
        }
    }

    /// <summary>Good buffers in the receive ring, nothing in the other; starts both.</summary>
    public void StartFresh()
    {
        Stop();
        Rings.Reset();
        Rings.OfferBuffers();
        Start();
    }

    public void Stop()
    {
        for (int i = 0; i < _device.Length; i++)
        {
            if (_device[i] is { } device)
            {
                Port.Device.StopQueue(device);
                _before += DescriptorsOf(device);
                device.Dispose();
                _device[i] = null;
                _kicks[i]?.Dispose();
            }
        }
    }

    /// <summary>Its port has left its network.</summary>
    public void Dispose()
    {
        Stop();
        Port.Dispose();
        Rings.Dispose();
    }

    private static long DescriptorsOf(Virtqueue? device) => (device?.Counters.Descriptors ?? 0) * TurnBudget.DescriptorCost;
}
