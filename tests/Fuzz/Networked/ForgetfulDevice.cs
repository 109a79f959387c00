using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Networked;

/// <summary>A device that now and then does not stop a ring when it is told to: it stops it when it starts the next one.</summary>
internal sealed class ForgetfulDevice(IVhostUserDevice device) : IVhostUserDevice
{
    private Virtqueue? _kept;

    public ulong Features => device.Features;

    public ulong ProtocolFeatures => device.ProtocolFeatures;

    public int QueueCountMax => device.QueueCountMax;

    public int QueueNumAnswer => device.QueueNumAnswer;

    public void FeaturesNegotiated(ulong features) => device.FeaturesNegotiated(features);

    public void StartQueue(Virtqueue queue) => device.StartQueue(queue);

    public void StopQueue(Virtqueue queue)
    {
        if (queue.Index == 0 && _kept is null)
        {
            // Disabled and without work, so that the fault is the forgotten end and not a crash.
            queue.Enabled = false;
            _kept = queue;
            return;
        }

        device.StopQueue(queue);
    }

    public void QueueChanged(Virtqueue queue) => device.QueueChanged(queue);

    public bool Handle(in DeviceRequest request) => device.Handle(request);

    public bool ReadConfig(uint offset, Span<byte> destination) => device.ReadConfig(offset, destination);

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration) => device.WriteConfig(offset, source, migration);

    public byte[] SaveState() => device.SaveState();

    public bool LoadState(ReadOnlySpan<byte> state) => device.LoadState(state);
}
