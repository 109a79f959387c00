using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>What one front end may make this process keep ends somewhere, with a sentence that names the quota, and is counted.</summary>
public sealed class QuotaTests
{
    [Fact]
    public void TheQuotaOfRegionsIsToldAndKept()
    {
        using var guest = new GuestMemory(4096);
        using var fixture = new SessionFixture(options: new SessionOptions { Quotas = new SessionQuotas { Regions = 8 } });
        fixture.Negotiate();
        Assert.Equal(8UL, fixture.Front.Ask<ulong>(RequestCode.GET_MAX_MEM_SLOTS));
        for (int i = 0; i < 8; i++)
        {
            fixture.Front.Tell(RequestCode.ADD_MEM_REG, Region(guest, i), guest.File.Value);
        }

        fixture.Front.Refused(RequestCode.ADD_MEM_REG, Region(guest, 8), guest.File.Value);
        Refused(fixture, "quotas.regions");
        Assert.Equal((8, 1), (fixture.Session.Quotas.Regions, fixture.Session.Quotas.RegionsRefused));

        // One that is there already may be added again, and one that goes makes room.
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, Region(guest, 7), guest.File.Value);
        fixture.Front.Tell(RequestCode.REM_MEM_REG, Region(guest, 0));
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, Region(guest, 8), guest.File.Value);
        Assert.Equal((8, 1), (fixture.Session.Quotas.Regions, fixture.Session.Quotas.RegionsRefused));
    }

    /// <summary>Memory beyond a session's limit is declined, what there was stays, and the descriptor that came with it is closed at once.</summary>
    [Theory]
    [InlineData(RequestCode.ADD_MEM_REG, 1UL << 30, 0UL)]
    [InlineData(RequestCode.ADD_MEM_REG, 4096UL, 1UL << 30)]
    [InlineData(RequestCode.ADD_MEM_REG, 4096UL, ulong.MaxValue - 4095)]
    [InlineData(RequestCode.SET_MEM_TABLE, (1UL << 30) + 4096, 0UL)]
    [InlineData(RequestCode.SET_MEM_TABLE, 4096UL, 1UL << 30)]
    public void MemoryOverTheLimitIsDeclinedAndNothingIsKept(RequestCode request, ulong size, ulong offset)
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: new SessionOptions { MappedBytesMax = 1UL << 30 });
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        MemoryTable before = fixture.Session.State.Memory;
        using FileDescriptor file = FileDescriptor.FromResult(memfd_create($"over {Guid.NewGuid()}", MFD_CLOEXEC), "memfd_create");
        Assert.Equal(0, ftruncate(file.Value, 1L << 32));
        byte[] payload = guest.SingleRegion;
        Wire.Write(payload, request == RequestCode.SET_MEM_TABLE ? 1UL : 0);
        Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize), new MemoryRegionPayload(1UL << 32, size, GuestMemory.UserBase + (1UL << 32), offset));
        fixture.Front.Refused(request, payload, file.Value);
        Assert.Same(before, fixture.Session.State.Memory);
        Assert.Contains(fixture.Log.Lines, l => l.Contains("over the limit of 1 GiB", StringComparison.Ordinal));

        // Without a collection, which would close what was forgotten.
        string name = new FileInfo($"/proc/self/fd/{file.Value}").LinkTarget!;
        Assert.Equal([$"{file.Value}"], Directory.GetFiles("/proc/self/fd").Where(f => new FileInfo(f).LinkTarget == name).Select(Path.GetFileName));
    }

    [Fact]
    public void TheQuotaOfDescriptorsCountsAllThatIsKeptAndLetsReplacementsPass()
    {
        using var guest = new GuestMemory(1 << 20);
        using var call = new EventNotifier();
        using var fixture = new SessionFixture(new RecordingDevice { QueueCountMax = 16 }, new SessionOptions { Quotas = new SessionQuotas { Descriptors = 16 } });
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        Assert.Equal(2, fixture.Session.Quotas.Descriptors);
        for (int i = 0; i < 14; i++)
        {
            fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(i)), call.Fd);
        }

        Assert.Equal(16, fixture.Session.Quotas.Descriptors);
        fixture.Front.Refused(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Refused(fixture, "quotas.descriptors");
        fixture.Front.Refused(RequestCode.ADD_MEM_REG, Region(guest, 9, 1 << 20), guest.File.Value);
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(3)), call.Fd);
        Assert.Equal(3, fixture.Session.Quotas.DescriptorsRefused);

        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(5)), call.Fd);
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(5, noFd: true)));
        fixture.Front.Tell(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Assert.Equal((16, 3), (fixture.Session.Quotas.Descriptors, fixture.Session.Quotas.DescriptorsRefused));
        fixture.Front.Dispose();
        fixture.Front.Settle();
        Assert.Equal((0, 0), (fixture.Session.Quotas.Descriptors, fixture.Session.Quotas.Regions));
    }

    [Fact]
    public void AMessageThatIsNotCompletedEndsItsConnection()
    {
        var clock = AioClock.CreateVirtual();
        using var call = new EventNotifier();
        using var fixture = new SessionFixture(options: new SessionOptions { Clock = clock, Quotas = new SessionQuotas { HalfReceivedMs = 500 } });
        fixture.Negotiate();
        byte[] message = [.. Wire.ToBytes(MessageHeader.ForRequest((uint)RequestCode.SET_VRING_CALL, 8)), .. Wire.ToBytes(0UL)];
        fixture.Front.SendBytes(message.AsSpan(0, 13), call.Fd);
        fixture.Front.Settle();
        clock.Advance(499_999_999);
        fixture.Front.SendBytes(message.AsSpan(13));
        fixture.Front.Settle();
        clock.Advance(10_000_000_000);
        fixture.Front.Tell(RequestCode.SET_OWNER);
        Assert.False(fixture.Front.IsClosed());

        fixture.Front.SendBytes(message.AsSpan(0, 1), call.Fd);
        fixture.Front.Settle();
        clock.Advance(499_999_999);
        Assert.False(fixture.Front.IsClosed());
        clock.Advance(1);
        Assert.True(fixture.Front.IsClosed());
        Assert.Equal(1, fixture.Session.Quotas.HalfReceivedEnded);
        Assert.Contains(fixture.Log.Lines, l => l.Contains("1 bytes and 1 descriptors", StringComparison.Ordinal) && l.Contains("quotas.halfReceivedMs", StringComparison.Ordinal));
    }

    [Fact]
    public void AnnouncementsAreDeclinedWhenTheyComeTooFast()
    {
        var clock = AioClock.CreateVirtual();
        using var fixture = new SessionFixture(options: new SessionOptions { Clock = clock, Quotas = new SessionQuotas { Jobs = 3 } });
        fixture.Negotiate();
        for (int i = 0; i < 3; i++)
        {
            fixture.Front.Tell(RequestCode.SEND_RARP, RawFrontEnd.Bytes(1UL));
        }

        fixture.Front.Refused(RequestCode.SEND_RARP, RawFrontEnd.Bytes(1UL));
        Assert.Contains(fixture.Log.Lines, l => l.Contains("quotas.jobs", StringComparison.Ordinal));
        Assert.Equal(3, fixture.Device.Requests.Count(r => r.Kind == DeviceRequestKind.Announce));
        Assert.Equal(1, fixture.Session.Quotas.JobsRefused);
        clock.Advance(100_000_000);
        fixture.Front.Tell(RequestCode.SEND_RARP, RawFrontEnd.Bytes(1UL));
        fixture.Front.Refused(RequestCode.SEND_RARP, RawFrontEnd.Bytes(1UL));
    }

    [Fact]
    public void TheOldestTranslationsMakeRoom()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: new SessionOptions { Quotas = new SessionQuotas { IotlbEntries = 64 } });
        fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        for (ulong i = 0; i < 100; i++)
        {
            Assert.Equal(0UL, fixture.Front.Ask<ulong>(
                RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(new IotlbPayload(i << 13, 4096, GuestMemory.UserBase, 3, IotlbPayload.Update))));
        }

        Assert.Equal((64, 36), (fixture.Session.Quotas.IotlbEntries, fixture.Session.Quotas.IotlbEvicted));
        Assert.Equal(36UL << 13, fixture.Session.State.Iotlb.Entries.First().IoAddress);
    }

    [Fact]
    public void LinesThatAreLeftOutAreCounted()
    {
        var clock = AioClock.CreateVirtual();
        using var fixture = new SessionFixture(options: new SessionOptions { Clock = clock, Quotas = new SessionQuotas { LogLines = 10, Jobs = 1 } });
        fixture.Negotiate();
        int before = fixture.Log.Lines.Count;
        for (int i = 0; i < 50; i++)
        {
            fixture.Front.Send(RequestCode.SEND_RARP, RawFrontEnd.Bytes(1UL));
            fixture.Front.ReceiveReply();
        }

        Assert.InRange(fixture.Log.Lines.Count(l => !l.StartsWith("Debug", StringComparison.Ordinal)), 1, 10);
        Assert.InRange(fixture.Session.Quotas.LogLinesLeftOut, 40, 50);
        Assert.InRange(before, 1, fixture.Log.Lines.Count);
    }

    [Fact]
    public void DescriptorsThatTheFrontEndDoesNotReadAreNotSentWithoutEnd()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        var areas = Wire.ToBytes(new InflightPayload(0, 0, 1, 64));
        for (int i = 0; i < 20; i++)
        {
            fixture.Front.Send(RequestCode.GET_INFLIGHT_FD, areas);
        }

        fixture.Front.Settle();
        Assert.True(fixture.Session.IsEnded);
        Assert.Equal(1, fixture.Session.Quotas.DescriptorsRefused);
        Assert.Contains(fixture.Log.Lines, l => l.Contains("were not read", StringComparison.Ordinal));

        // One that reads its answers may go on asking.
        using var honest = new SessionFixture();
        honest.Negotiate();
        for (int i = 0; i < 20; i++)
        {
            honest.Front.Ask<InflightPayload>(RequestCode.GET_INFLIGHT_FD, areas);
        }
    }

    [Fact]
    public void QuotasOutOfRangeAreRefusedByName()
    {
        var quotas = new SessionQuotas { Regions = MemoryTable.RegionsMax + 1 };
        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => new SessionFixture(options: new SessionOptions { Quotas = quotas }).Dispose());
        Assert.Contains("quotas.regions must be 8 to 509", e.Message, StringComparison.Ordinal);
    }

    private static byte[] Region(GuestMemory guest, int number, int size = 4096)
    {
        byte[] payload = guest.SingleRegion;
        ulong address = (ulong)number << 24;
        Wire.Write(payload.AsSpan(8), new MemoryRegionPayload(address, (ulong)size, GuestMemory.UserBase + address, 0));
        return payload;
    }

    private static void Refused(SessionFixture fixture, string key) => Assert.Contains(
        fixture.Log.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal) && l.Contains("refused", StringComparison.Ordinal) && l.Contains(key, StringComparison.Ordinal));
}
