using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Networked;

/// <summary>A device that uses what belongs to a ring that was stopped: the ring's memory, or the ring itself.</summary>
internal sealed unsafe class TouchyDevice(IVhostUserDevice device, bool memory) : IVhostUserDevice
{
    private Chain* _freed;
    private Virtqueue? _stopped;

    public ulong Features => device.Features;

    public ulong ProtocolFeatures => device.ProtocolFeatures;

    public int QueueCountMax => device.QueueCountMax;

    public int QueueNumAnswer => device.QueueNumAnswer;

    public void FeaturesNegotiated(ulong features) => device.FeaturesNegotiated(features);

    public void StartQueue(Virtqueue queue)
    {
        Touch();
        device.StartQueue(queue);
    }

    public void StopQueue(Virtqueue queue)
    {
        device.StopQueue(queue);
        _stopped = queue;

        // SAFETY: none, and that is the point: the burst is freed while its address is kept.
        using var burst = new ChainBurst();
        _freed = burst.Chains;
    }

    public void QueueChanged(Virtqueue queue) => device.QueueChanged(queue);

    public bool Handle(in DeviceRequest request) => device.Handle(request);

    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian) => device.ReadConfig(offset, destination, bigEndian);

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration) => device.WriteConfig(offset, source, migration);

    public byte[] SaveState() => device.SaveState();

    public bool LoadState(ReadOnlySpan<byte> state) => device.LoadState(state);

    // SAFETY: freed memory is read on purpose, which must end a process that has its rings behind fences.
    private void Touch()
    {
        if (memory && _freed != null)
        {
            _ = Volatile.Read(ref *(byte*)_freed);
        }
        else if (_stopped is { IsDisposed: true } queue)
        {
            queue.NotifyGuest();
        }
    }
}
