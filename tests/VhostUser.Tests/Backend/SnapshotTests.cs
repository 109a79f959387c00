using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A session's state as one value: captured, carried as bytes and descriptors, and made into another session.</summary>
public sealed class SnapshotTests
{
    [Fact]
    public void ATransferOfStateHasToEndBeforeTheSessionIsCaptured()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        Assert.True(fixture.Session.CanCapture);
        Assert.Equal(0, pipe2(out int readEnd, out int writeEnd, O_CLOEXEC));
        using var reader = new FileDescriptor(readEnd);
        using (var writer = new FileDescriptor(writeEnd))
        {
            fixture.Front.Ask<ulong>(RequestCode.SET_DEVICE_STATE_FD, RawFrontEnd.Bytes(new DeviceStatePayload(DeviceStatePayload.Save, 0)), writer.Value);
        }

        Assert.False(fixture.Session.CanCapture);
        Assert.Throws<InvalidOperationException>(fixture.Session.Capture);
        Assert.Throws<InvalidOperationException>(fixture.Session.Detach);
        Assert.Equal(0UL, fixture.Front.Ask<ulong>(RequestCode.CHECK_DEVICE_STATE));
        Assert.True(fixture.Session.CanCapture);
        fixture.Session.Capture().Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASessionGoesOnInAnotherOneWithoutTheFrontEndNoticing(bool throughBytes)
    {
        using var guest = new GuestMemory();
        using var log = new GuestMemory(8192);
        using var call = new EventNotifier();
        using var fixture = new SessionFixture();
        RawFrontEnd front = fixture.Front;
        fixture.Negotiate();
        front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(4096, 0)), log.File.Value);
        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL));
        front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        front.Tell(RequestCode.SET_STATUS, RawFrontEnd.Bytes(15UL));
        fixture.SetUpRing(0);
        fixture.Enable(0);
        fixture.Kick(0);
        fixture.SetUpRing(1);
        var ring = new TestRing(guest, 0);
        ring.Add(0, 0x1_0000, 64, write: true);
        Assert.Equal(1, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Writable));
        ring.Add(1, 0x1_0000, 64, write: true);

        // Half a message is on its way.
        byte[] getStatus = Wire.ToBytes(MessageHeader.ForRequest((uint)RequestCode.GET_STATUS, 0));
        front.SendBytes(getStatus.AsSpan(0, 5));
        front.Settle();

        using SessionSnapshot captured = fixture.Session.Detach();
        Assert.True(fixture.Session.IsEnded);
        Assert.Empty(fixture.Device.Running);
        Assert.Equal(DeviceRequestKind.Disconnected, fixture.Device.Requests[^1].Kind);
        SessionSnapshot snapshot = throughBytes
            ? SessionSnapshot.FromBytes(captured.ToBytes(), [.. captured.Descriptors.Select(d => d.Duplicate())])
            : captured;

        var device = new RecordingDevice();
        using var next = VhostUserSession.Resume(fixture.Context, snapshot, device, "next", new SessionOptions { Log = fixture.Log });
        snapshot.Dispose();
        next.Start();

        // The guest did not come anew: nothing that waits for it is to go.
        Assert.DoesNotContain(device.Requests, r => r.Kind == DeviceRequestKind.Connected);
        Assert.Equal([0], device.Running);
        Assert.True(device.Queues[0].Enabled);
        Assert.True(call.TestAndClear());
        Assert.Equal(1, TestRing.Serve(device.Queues[0], ChainDirection.Writable, 64));
        Assert.Equal(2, ring.UsedIndex);
        Assert.NotEqual(0, log.Mapping.AsSpan()[2]);

        front.SendBytes(getStatus.AsSpan(5));
        (MessageHeader header, byte[] payload) = front.ReceiveReply();
        Assert.Equal(((uint)RequestCode.GET_STATUS, 15UL), (header.Request, Wire.Read<ulong>(payload)));
        fixture.Kick(1);
        Assert.Equal([0, 1], device.Running.Order());
        Assert.Equal(2u, fixture.GetBase(0));
    }

    [Fact]
    public void ALiveSessionCanBeCapturedWhileItGoesOn()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.RING_PACKED);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0, position: 0x8000);
        fixture.Kick(0);
        using SessionSnapshot snapshot = fixture.Session.Capture();
        Assert.Equal([0], fixture.Device.Running);
        Assert.Equal(0x8000_8000u, snapshot.Data.Rings[0].Base);
        Assert.Equal(guest.Region.RegionSize, snapshot.Data.Regions[0].Description.Size);
    }

    [Fact]
    public void ASnapshotThatDoesNotFitIsRefusedAndLeavesNothingRunning()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(3);
        fixture.Kick(3);
        using SessionSnapshot snapshot = fixture.Session.Capture();
        var options = new SessionOptions();

        var lesser = new RecordingDevice { Features = 0 };
        Assert.Throws<InvalidDataException>(() => VhostUserSession.Resume(fixture.Context, snapshot, lesser, "x", options));
        var smaller = new RecordingDevice { QueueCountMax = 2 };
        Assert.Throws<InvalidDataException>(() => VhostUserSession.Resume(fixture.Context, snapshot, smaller, "x", options));
        var other = new RecordingDevice { Accepts = false };
        Assert.Throws<InvalidDataException>(() => VhostUserSession.Resume(fixture.Context, snapshot, other, "x", options));
        using var without = new SessionSnapshot(snapshot.Data, []);
        Assert.Throws<InvalidDataException>(() => VhostUserSession.Resume(fixture.Context, without, new RecordingDevice(), "x", options));
        Assert.Throws<InvalidDataException>(() => SessionSnapshot.FromBytes("{\"Version\":2}"u8, []));
        Assert.Throws<InvalidDataException>(() => SessionSnapshot.FromBytes("nonsense"u8, []));
        Assert.Equal([3], fixture.Device.Running);
    }
}
