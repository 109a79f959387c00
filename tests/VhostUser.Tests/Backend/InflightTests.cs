using System.Runtime.InteropServices;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The inflight area: layout, life with a ring, and what a new back end makes of what a dead one left.</summary>
public sealed class InflightTests : IDisposable
{
    private const int Size = 256;

    private readonly GuestMemory _guest = new();

    public void Dispose() => _guest.Dispose();

    [Theory]
    [InlineData(256, false, 4160UL)]
    [InlineData(1, false, 64UL)]
    [InlineData(256, true, 8256UL)]
    [InlineData(32768, true, 1_048_640UL)]
    public void RegionsHaveTheReferencesSizes(int queueSize, bool packed, ulong bytes) => Assert.Equal(bytes, InflightArea.RegionSize(queueSize, packed));

    [Fact]
    public void TheBackEndAllocatesASealedAreaAndTheRingUsesIt()
    {
        using var fixture = new SessionFixture();
        using FileDescriptor file = SetUp(fixture, SessionFixture.SplitFeatures, out Mapping area);
        using (area)
        {
            Assert.Equal(F_SEAL_SHRINK, fcntl(file.Value, F_GET_SEALS) & F_SEAL_SHRINK);
            fixture.Front.Tell(RequestCode.SET_INFLIGHT_FD, Payload(2), file.Value);
            fixture.SetUpRing(0);
            fixture.Kick(0);
            var ring = new TestRing(_guest, 0);
            ring.Add(7, 0x1_0000, 64, write: false);
            ring.Add(9, 0x1_0000, 64, write: false);
            Assert.Equal(2, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Readable));

            // Header: version 1, descriptors, last batch head, used index; entry 9: not in flight, next 7, counter 1.
            Assert.Equal([1, Size, 9, 2], Words(area, 8, 4));
            Assert.Equal(0, area.AsSpan()[16 + (9 * 16)]);
            Assert.Equal([7], Words(area, 16 + (9 * 16) + 6, 1));
            Assert.Equal(1UL, Wire.Read<ulong>(area.AsSpan()[(16 + (9 * 16) + 8)..]));
        }
    }

    [Fact]
    public void test_regression_cve_2021_3839_counts_and_sizes_are_checked()
    {
        using var fixture = new SessionFixture();
        using FileDescriptor file = SetUp(fixture, SessionFixture.SplitFeatures, out Mapping area);
        area.Dispose();
        RawFrontEnd front = fixture.Front;
        using FileDescriptor sparse = FileDescriptor.FromResult(memfd_create("sparse", MFD_CLOEXEC), "memfd_create");
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(0), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(5), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(4), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, size: 0), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, size: 32769), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, bytes: 100), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, offset: 4096), file.Value);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, offset: ulong.MaxValue - 63), file.Value);

        // A sparse file may be as large as the address space, which other guests need as well.
        Assert.Equal(0, ftruncate(sparse.Value, 1L << 45));
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, offset: 1UL << 44), sparse.Value);
        using var tooShort = new GuestMemory(4096);
        front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, bytes: ulong.MaxValue), tooShort.File.Value);
        front.Fatal(RequestCode.GET_INFLIGHT_FD, Payload(5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ABackEndThatDiedInTheMiddleOfABatchIsContinued(bool published)
    {
        using FileDescriptor file = InflightArea.CreateFile(2, Size, isPacked: false);
        ulong bytes = InflightArea.RegionSize(Size, false) * 2;
        var ring = new TestRing(_guest, 0);
        for (ushort head = 0; head < 5; head++)
        {
            ring.Add(head, 0x1_0000, 64, write: false);
        }

        // The back end before used two chains, then died with a batch of two more taken; before or after it moved the used index.
        using (var area = InflightArea.Map(file.Duplicate(), bytes, 0, 2, Size, isPacked: false))
        {
            var before = new SplitInflightTracker(area, 0);
            before.Reset(0);
            before.Take([0, 1]);
            before.BeforePublish([0, 1], 2);
            before.AfterPublish([0, 1], 2);
            before.Take([2, 3]);
            before.BeforePublish([2, 3], 4);
            ring.UsedIndex = published ? (ushort)4 : (ushort)2;
        }

        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_INFLIGHT_FD, Payload(2), file.Value);
        fixture.SetUpRing(0, position: 4);
        fixture.Kick(0);
        Assert.Equal(!published, fixture.Log.Lines.Any(l => l.Contains("takes 2 chains again", StringComparison.Ordinal)));
        Assert.Equal(published ? 1 : 3, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Readable));
        Assert.Equal(5, ring.UsedIndex);
        Assert.Equal(published ? 4u : 2u, ring.Used(published ? 4 : 2).Id);
    }

    /// <summary>Whoever looks at the area at any moment, as a new back end after a crash does, finds no used index with a batch that is still in flight before it.</summary>
    [Fact]
    public async Task TheUsedIndexFollowsTheEntries()
    {
        const int rounds = 4000;
        using FileDescriptor file = InflightArea.CreateFile(1, Size, isPacked: false);
        using var area = InflightArea.Map(file.Duplicate(), InflightArea.RegionSize(Size, false), 0, 1, Size, isPacked: false);
        using Mapping view = Mapping.Map(file.Value, 0, (nuint)InflightArea.RegionSize(Size, false), PROT_READ, MAP_SHARED);
        var tracker = new SplitInflightTracker(area, 0);
        tracker.Reset(0);
        ushort[] heads = [.. Enumerable.Range(0, Size).Select(i => (ushort)i)];
        int seen = 0;
        int wrong = 0;
        Task looker = Task.Factory.StartNew(
            () =>
            {
                for (int round = 1; round <= rounds; round++)
                {
                    Await(() => UsedIndex(view) == (ushort)(round * Size));
                    wrong += IsAnyInFlight(view) ? 1 : 0;
                    Volatile.Write(ref seen, round);
                }
            },
            TaskCreationOptions.LongRunning);
        for (int round = 1; round <= rounds; round++)
        {
            tracker.Take(heads);
            tracker.BeforePublish(heads, (ushort)(round * Size));
            tracker.AfterPublish(heads, (ushort)(round * Size));
            Await(() => Volatile.Read(ref seen) == round || looker.IsCompleted);
        }

        await looker.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, wrong);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void APackedRingContinuesWhereTheAreaSaysThatItStood(bool published)
    {
        using FileDescriptor file = InflightArea.CreateFile(2, Size, isPacked: true);
        using (var area = InflightArea.Map(file.Duplicate(), InflightArea.RegionSize(Size, true) * 2, 0, 2, Size, isPacked: true))
        {
            var before = new PackedInflightTracker(area, 0);
            before.Reset(0x8000);
            before.Take([1, 2]);
            before.BeforePublish([1, 2], 0x8002);
            before.AfterPublish([1, 2], 0x8002);
            before.Take([3]);
            before.BeforePublish([3], 0x8003);
        }

        // Slot 2: the driver's available descriptor, or the used one that the dead back end had written over it.
        var descriptor = new PackedDescriptor { addr = 0x1_0000, len = 64, id = 3, flags = PackedDescriptor.F_AVAIL };
        Wire.Write(_guest.Mapping.AsSpan()[32..], descriptor with { flags = (ushort)(PackedDescriptor.F_AVAIL | (published ? PackedDescriptor.F_USED : 0)) });
        Wire.Write(_guest.Mapping.AsSpan()[48..], descriptor with { id = 4 });

        using var fixture = new SessionFixture();
        fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.RING_PACKED);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_INFLIGHT_FD, Payload(2, packed: true), file.Value);

        // The front end only knows where the ring stood long ago.
        fixture.SetUpRing(0, position: 0x8000_8000);
        fixture.Kick(0);
        Assert.Equal(published ? 1 : 2, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Readable));
        Assert.Equal(0x8004_8004u, fixture.GetBase(0));
    }

    [Fact]
    public void AStoppedRingLeavesNothingInFlightAndStartsWhereItIsTold()
    {
        using var fixture = new SessionFixture();
        using FileDescriptor file = SetUp(fixture, SessionFixture.SplitFeatures | VirtioFeatures.RING_PACKED, out Mapping area);
        area.Dispose();
        fixture.Front.Tell(RequestCode.SET_INFLIGHT_FD, Payload(2, packed: true), file.Value);
        fixture.SetUpRing(0, position: 0x8000);
        fixture.Kick(0);
        fixture.Front.Refused(RequestCode.SET_INFLIGHT_FD, Payload(2, packed: true), file.Value);
        fixture.GetBase(0);
        fixture.SetUpRing(0, position: 5);
        fixture.Kick(0);
        Assert.Equal(0x0005_0005u, fixture.Ask(RequestCode.GET_VRING_BASE_SKIP_DRAIN, 0));
    }

    [Fact]
    public void HostileContentsAreHarmless()
    {
        var random = new Random(11);
        using FileDescriptor file = InflightArea.CreateFile(1, Size, isPacked: false);
        using FileDescriptor packedFile = InflightArea.CreateFile(1, Size, isPacked: true);
        using var area = InflightArea.Map(file.Duplicate(), InflightArea.RegionSize(Size, false), 0, 1, Size, isPacked: false);
        using var packedArea = InflightArea.Map(packedFile.Duplicate(), InflightArea.RegionSize(Size, true), 0, 1, Size, isPacked: true);
        using Mapping split = Mapping.Map(file.Value, 0, (nuint)area.Size, PROT_READ | PROT_WRITE, MAP_SHARED);
        using Mapping packed = Mapping.Map(packedFile.Value, 0, (nuint)packedArea.Size, PROT_READ | PROT_WRITE, MAP_SHARED);
        for (int i = 0; i < 1000; i++)
        {
            random.NextBytes(split.AsSpan());
            random.NextBytes(packed.AsSpan());

            // Plausible enough to be believed.
            Wire.Write(split.AsSpan()[8..], (ushort)1);
            Wire.Write(split.AsSpan()[10..], (ushort)Size);
            Wire.Write(packed.AsSpan()[8..], (ushort)1);
            Wire.Write(packed.AsSpan()[10..], (ushort)Size);
            ushort[] heads = new SplitInflightTracker(area, 0).Recover((ushort)random.Next())!;
            Assert.All(heads, h => Assert.InRange(h, 0, Size - 1));
            ushort? position = new PackedInflightTracker(packedArea, 0).Recover((slot, _) => slot % 2 == 0);
            Assert.True(position is null || (position & 0x7fff) < Size);
        }
    }

    private static ushort UsedIndex(Mapping area) => Volatile.Read(ref MemoryMarshal.Cast<byte, ushort>(area.AsSpan()[14..])[0]);

    /// <summary>Backwards: entries are cleared in the order in which they were taken.</summary>
    private static bool IsAnyInFlight(Mapping area)
    {
        for (int i = Size - 1; i >= 0; i--)
        {
            if (Volatile.Read(ref area.AsSpan()[16 + (16 * i)]) == 1)
            {
                return true;
            }
        }

        return false;
    }

    private static void Await(Func<bool> condition)
    {
        var wait = default(SpinWait);
        while (!condition())
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private FileDescriptor SetUp(SessionFixture fixture, ulong features, out Mapping area)
    {
        fixture.Negotiate(features);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
        using var fds = new FdCollection();
        fixture.Front.Send(RequestCode.GET_INFLIGHT_FD, Payload(2, bytes: 0));
        (MessageHeader header, byte[] payload) = fixture.Front.ReceiveReply(fds);
        Assert.Equal((uint)InflightPayload.Size, header.PayloadSize);
        var reply = Wire.Read<InflightPayload>(payload);
        bool packed = (features & VirtioFeatures.RING_PACKED) != 0;
        Assert.Equal(new InflightPayload(InflightArea.RegionSize(Size, packed) * 2, 0, 2, Size), reply);
        FileDescriptor file = fds.Take(0);
        area = Mapping.Map(file.Value, 0, (nuint)reply.MmapSize, PROT_READ | PROT_WRITE, MAP_SHARED);
        return file;
    }

    private static byte[] Payload(int queues, int size = Size, ulong? bytes = null, ulong offset = 0, bool packed = false) => Wire.ToBytes(
        new InflightPayload(bytes ?? ((ulong)queues * InflightArea.RegionSize(size, packed)), offset, (ushort)queues, (ushort)size));

    private static int[] Words(Mapping area, int offset, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (int)Wire.Read<ushort>(area.AsSpan()[(offset + (2 * i))..]))];
}
