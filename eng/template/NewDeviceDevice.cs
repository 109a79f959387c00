using System.Security.Cryptography;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace NewDevice;

/// <summary>Serves as an entropy device to begin with, which every guest has a driver for (-device vhost-user-rng-pci): change Serve, the features and the queues to your device's.</summary>
internal sealed class NewDeviceDevice : IVhostUserDevice, IDisposable
{
    private readonly DeviceQueue _queue;

    public NewDeviceDevice(IoThread thread) => _queue = new DeviceQueue(thread, ChainDirection.Writable, "NewDevice", Serve);

    public ulong Features =>
        VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED | VirtioFeatures.EVENT_IDX | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.LOG_ALL;

    public ulong ProtocolFeatures => 0;

    public int QueueCountMax => 1;

    public int QueueNumAnswer => 1;

    public long BytesGiven { get; private set; }

    public void FeaturesNegotiated(ulong features)
    {
    }

    public void StartQueue(Virtqueue queue) => _queue.Start(queue);

    public void StopQueue(Virtqueue queue) => _queue.Stop();

    public void QueueChanged(Virtqueue queue) => _queue.Wake();

    public bool Handle(in DeviceRequest request) => request.Kind is not (DeviceRequestKind.Announce or DeviceRequestKind.SetMtu);

    /// <summary>An entropy device has no configuration space.</summary>
    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian) => false;

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration) => false;

    public byte[] SaveState() => [];

    public bool LoadState(ReadOnlySpan<byte> state) => state.IsEmpty;

    public void Dispose() => _queue.Dispose();

    private int Serve(ChainBurst burst, int count, ref TurnBudget turn)
    {
        int done = 0;
        while (done < count && !turn.IsSpent)
        {
            ref Chain chain = ref burst[done++];
            for (int i = 0; i < chain.SegmentCount; i++)
            {
                Fill(burst.SegmentOf(in chain, i));
            }

            // A malformed chain has no segments and goes back with length 0.
            chain.Written = chain.IsMalformed ? 0 : chain.TotalLength;
            BytesGiven += chain.Written;
            turn.TakeCalls(1, chain.Written);
        }

        return done;
    }

    // SAFETY: the segment lies in guest memory that the queue has checked and that stays mapped until the burst is completed.
    private static unsafe void Fill(GuestSegment segment) => RandomNumberGenerator.Fill(new Span<byte>((void*)segment.Address, (int)segment.Length));
}
