using System.Buffers.Binary;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace Blk;

/// <summary>A virtio disk (virtio 1.3 section 5.2) over a file, with a thread for each queue, so that a request that waits for the disk holds up its own queue only.</summary>
internal sealed class BlkDevice : IVhostUserDevice, IDisposable
{
    private const ulong F_SEG_MAX = 1UL << 2, F_BLK_SIZE = 1UL << 6, F_FLUSH = 1UL << 9, F_MQ = 1UL << 12;

    /// <summary>Bytes of struct virtio_blk_config, up to the fields of zoned disks (5.2.4).</summary>
    private const int ConfigSize = 96;

    /// <summary>Most data segments of a request: a chain has at most as many descriptors, header and status among them.</summary>
    private const int SegmentsMax = 126;

    private readonly byte[] _config = new byte[ConfigSize];
    private readonly BlkQueue[] _queues;

    public BlkDevice(BlkFile file, int queues)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_config, file.Length / BlkFile.SectorSize);
        BinaryPrimitives.WriteInt32LittleEndian(_config.AsSpan(12), SegmentsMax);
        BinaryPrimitives.WriteInt32LittleEndian(_config.AsSpan(20), BlkFile.SectorSize);
        BinaryPrimitives.WriteUInt16LittleEndian(_config.AsSpan(34), (ushort)queues);
        _queues = new BlkQueue[queues];
        for (int i = 0; i < queues; i++)
        {
            _queues[i] = new BlkQueue(file, i);
        }
    }

    public ulong Features =>
        VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED | VirtioFeatures.EVENT_IDX | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.LOG_ALL
        | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | (_queues.Length > 1 ? F_MQ : 0);

    /// <summary>The session adds what it serves by itself, in-flight tracking among it.</summary>
    public ulong ProtocolFeatures => VhostNet.VhostUser.Protocol.ProtocolFeatures.MQ | VhostNet.VhostUser.Protocol.ProtocolFeatures.CONFIG;

    public int QueueCountMax => _queues.Length;

    public int QueueNumAnswer => _queues.Length;

    public void FeaturesNegotiated(ulong features)
    {
    }

    public void StartQueue(Virtqueue queue) => _queues[queue.Index].Ring.Start(queue);

    public void StopQueue(Virtqueue queue) => _queues[queue.Index].Ring.Stop();

    public void QueueChanged(Virtqueue queue) => _queues[queue.Index].Ring.Wake();

    public bool Handle(in DeviceRequest request) => request.Kind is not (DeviceRequestKind.Announce or DeviceRequestKind.SetMtu);

    /// <summary>All is little-endian: without VERSION_1, which is offered, no guest is a legacy one of the other byte order.</summary>
    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian)
    {
        if (bigEndian || offset > ConfigSize || destination.Length > ConfigSize - offset)
        {
            return false;
        }

        _config.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>Nothing is writable; a migration writes what the new disk would say anyway.</summary>
    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration) => migration;

    public byte[] SaveState() => [];

    public bool LoadState(ReadOnlySpan<byte> state) => state.IsEmpty;

    public void Dispose()
    {
        foreach (BlkQueue queue in _queues)
        {
            queue.Dispose();
        }
    }
}
