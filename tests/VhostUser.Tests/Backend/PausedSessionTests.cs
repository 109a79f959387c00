using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A session that is paused to be handed over, and goes on here or elsewhere.</summary>
public sealed class PausedSessionTests
{
    [Fact]
    public void APausedSessionHearsNothingAndGoesOnWhereItStood()
    {
        using var guest = new GuestMemory();
        using var call = new EventNotifier();
        using SessionFixture fixture = Running(guest, call);
        var ring = new TestRing(guest, 0);
        ring.Add(0, 0x1_0000, 64, write: true);
        Assert.Equal(1, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Writable));
        ring.Add(1, 0x1_0000, 64, write: true);

        fixture.Session.Pause();
        Assert.Empty(fixture.Device.Running);
        fixture.Front.SendBytes(Wire.ToBytes(MessageHeader.ForRequest((uint)RequestCode.GET_FEATURES, 0)));
        fixture.Front.Settle();
        using (SessionSnapshot snapshot = fixture.Session.Capture())
        {
            Assert.Equal(1u, snapshot.Data.Rings[0].Base);
        }

        fixture.Session.Continue();
        Assert.Equal([0], fixture.Device.Running);
        Assert.True(call.TestAndClear());
        Assert.Equal((uint)RequestCode.GET_FEATURES, fixture.Front.ReceiveReply().Header.Request);
        Assert.Equal(1, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Writable));
        Assert.Equal(2u, fixture.GetBase(0));
    }

    [Fact]
    public void RingsThatSomebodyElseWorkedOnGoOnWhereTheGuestsMemorySays()
    {
        using var guest = new GuestMemory();
        using var call = new EventNotifier();
        using SessionFixture fixture = Running(guest, call);
        fixture.Session.Pause();
        using SessionSnapshot snapshot = fixture.Session.Capture();
        var device = new RecordingDevice();
        var ring = new TestRing(guest, 0);
        ring.Add(0, 0x1_0000, 64, write: true);
        using (var other = VhostUser.Backend.Session.VhostUserSession.Resume(
            fixture.Context, snapshot, device, "other", new VhostUser.Backend.State.SessionOptions()))
        {
            // It takes a chain, and ends.
            Assert.Equal(1, TestRing.Serve(device.Queues[0], ChainDirection.Writable));
        }

        fixture.Session.Continue(mayHaveMoved: true);
        Assert.Equal(1u, fixture.GetBase(0));
        Assert.Equal(1, ring.UsedIndex);
    }

    [Fact]
    public void MemoryThatIsMappedAlreadyIsNotMappedAnew()
    {
        using var guest = new GuestMemory();
        using var call = new EventNotifier();
        using SessionFixture fixture = Running(guest, call);
        var options = new VhostUserEndpointOptions { Path = "/nowhere" };
        using var endpoint = VhostUserEndpoint.Create(fixture.Context, new RecordingDevice(), options);
        using (SessionSnapshot early = fixture.Session.Capture())
        {
            endpoint.Prepare(early);
        }

        int before = MappingsOf(guest);
        fixture.Session.Pause();
        using (SessionSnapshot last = fixture.Session.Capture())
        {
            endpoint.Resume(last);
        }

        Assert.Equal(before, MappingsOf(guest));
        Assert.Single(endpoint.CurrentSession!.Memory.Regions);
        endpoint.Abandon();
        endpoint.Dispose();
        fixture.Session.Continue();
        Assert.Equal([0], fixture.Device.Running);
    }

    private static int MappingsOf(GuestMemory guest)
    {
        Assert.Equal(0, statx_nowait(guest.File.Value, STATX_INO, out statx_t facts));
        return File.ReadLines("/proc/self/maps").Count(l => l.Contains($" {facts.stx_ino} ", StringComparison.Ordinal));
    }

    private static SessionFixture Running(GuestMemory guest, EventNotifier call)
    {
        var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        fixture.SetUpRing(0);
        fixture.Enable(0);
        fixture.Kick(0);
        Assert.Equal([0], fixture.Device.Running);
        return fixture;
    }
}
