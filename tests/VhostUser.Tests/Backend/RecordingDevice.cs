using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A device that writes down what it is told and does nothing else.</summary>
internal sealed class RecordingDevice : IVhostUserDevice
{
    public List<string> Calls { get; } = [];

    public HashSet<int> Running { get; } = [];

    public Dictionary<int, Virtqueue> Queues { get; } = [];

    public ulong Features { get; set; } = VirtioFeatures.VERSION_1 | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX | VirtioFeatures.RING_PACKED
        | VirtioFeatures.IN_ORDER | VirtioFeatures.LOG_ALL | VirtioFeatures.ACCESS_PLATFORM | VirtioFeatures.RING_RESET | VirtioFeatures.ANY_LAYOUT;

    public ulong ProtocolFeatures { get; set; } = VhostUser.Protocol.ProtocolFeatures.MQ | VhostUser.Protocol.ProtocolFeatures.RARP
        | VhostUser.Protocol.ProtocolFeatures.MTU | VhostUser.Protocol.ProtocolFeatures.CONFIG | VhostUser.Protocol.ProtocolFeatures.DEVICE_STATE;

    public int QueueCountMax { get; set; } = 4;

    public int QueueNumAnswer => QueueCountMax / 2;

    public ulong Acknowledged { get; private set; }

    public List<DeviceRequest> Requests { get; } = [];

    public byte[] Config { get; } = [1, 2, 3, 4, 5, 6, 7, 8];

    public byte[] State { get; set; } = "device state"u8.ToArray();

    public bool Accepts { get; set; } = true;

    public Action<Virtqueue>? OnStart { get; set; }

    public Action<Virtqueue>? OnStop { get; set; }

    public void FeaturesNegotiated(ulong features)
    {
        Acknowledged = features;
        Calls.Add($"features {features:x}");
    }

    public void StartQueue(Virtqueue queue)
    {
        OnStart?.Invoke(queue);
        Assert.True(Running.Add(queue.Index), $"queue {queue.Index} was started twice");
        Queues[queue.Index] = queue;
        Calls.Add($"start {queue.Index}");
    }

    public void StopQueue(Virtqueue queue)
    {
        OnStop?.Invoke(queue);
        Assert.True(Running.Remove(queue.Index), $"queue {queue.Index} was stopped and did not run");
        Queues.Remove(queue.Index);
        Calls.Add($"stop {queue.Index}");
    }

    public void QueueChanged(Virtqueue queue)
    {
        Assert.Contains(queue.Index, Running);
        Calls.Add($"changed {queue.Index} {(queue.Enabled ? "on" : "off")}");
    }

    public bool Handle(in DeviceRequest request)
    {
        Requests.Add(request);
        Calls.Add(request.Kind.ToString());
        return Accepts;
    }

    /// <summary>The byte order that configuration space was read in last.</summary>
    public bool? ConfigWasBigEndian { get; private set; }

    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian)
    {
        ConfigWasBigEndian = bigEndian;
        if (offset + (ulong)destination.Length > (ulong)Config.Length)
        {
            return false;
        }

        Config.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration)
    {
        if (!migration || offset + (ulong)source.Length > (ulong)Config.Length)
        {
            return false;
        }

        source.CopyTo(Config.AsSpan((int)offset));
        return true;
    }

    public byte[] SaveState() => State;

    public bool LoadState(ReadOnlySpan<byte> state)
    {
        if (!Accepts)
        {
            return false;
        }

        State = state.ToArray();
        return true;
    }
}
