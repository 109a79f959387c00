using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Networked;

/// <summary>A device that has a ring run again as soon as its receive ring was stopped.</summary>
internal sealed class ForgetfulDevice(IVhostUserDevice device, Action restart) : IVhostUserDevice
{
    private bool _restarted;

    public ulong Features => device.Features;

    public ulong ProtocolFeatures => device.ProtocolFeatures;

    public int QueueCountMax => device.QueueCountMax;

    public int QueueNumAnswer => device.QueueNumAnswer;

    public void FeaturesNegotiated(ulong features) => device.FeaturesNegotiated(features);

    public void StartQueue(Virtqueue queue) => device.StartQueue(queue);

    public void StopQueue(Virtqueue queue)
    {
        device.StopQueue(queue);
        if (queue.Index == 0 && !_restarted)
        {
            _restarted = true;
            restart();
        }
    }

    public void QueueChanged(Virtqueue queue) => device.QueueChanged(queue);

    public bool Handle(in DeviceRequest request) => device.Handle(request);

    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian) => device.ReadConfig(offset, destination, bigEndian);

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration) => device.WriteConfig(offset, source, migration);

    public byte[] SaveState() => device.SaveState();

    public bool LoadState(ReadOnlySpan<byte> state) => device.LoadState(state);
}
