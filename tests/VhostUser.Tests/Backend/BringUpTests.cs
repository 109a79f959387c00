using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The message orders of the front ends there are.</summary>
public sealed class BringUpTests
{
    [Fact]
    public void QemuBringsARingPairUpAndDown()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        RawFrontEnd front = fixture.Front;

        // On connect. QEMU enables the first pair before it acknowledges anything.
        Assert.NotEqual(0UL, front.Ask<ulong>(RequestCode.GET_FEATURES) & VirtioFeatures.PROTOCOL_FEATURES);
        ulong offered = front.Ask<ulong>(RequestCode.GET_PROTOCOL_FEATURES);
        front.Tell(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(offered));
        Assert.Equal(2UL, front.Ask<ulong>(RequestCode.GET_QUEUE_NUM));
        Assert.Equal(64UL, front.Ask<ulong>(RequestCode.GET_MAX_MEM_SLOTS));
        front.Tell(RequestCode.SET_OWNER);
        using var call = new EventNotifier();
        front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(1)), call.Fd);
        fixture.Enable(0);
        fixture.Enable(1);

        // On driver start.
        front.AskAcknowledgement = true;
        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures));
        front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.SetUpRing(1);
        fixture.Kick(1);
        Assert.Equal([0, 1], fixture.Device.Running.Order());
        Assert.True(fixture.Device.Queues[0].Enabled);
        Assert.NotNull(fixture.Device.Queues[0].CallNotifier);
        Assert.NotNull(fixture.Device.Queues[0].Kick);

        // On stop.
        Assert.Equal(0u, fixture.GetBase(0));
        Assert.Equal(0u, fixture.GetBase(1));
        Assert.Empty(fixture.Device.Running);
        front.Tell(RequestCode.RESET_OWNER);
        Assert.False(front.IsClosed());
    }

    [Fact]
    public void QemuAddsAndRemovesARegionOnceForEachQueuePair()
    {
        using var guest = new GuestMemory();
        using var other = new GuestMemory();
        using var fixture = new SessionFixture();
        RawFrontEnd front = fixture.Front;
        fixture.Negotiate();
        front.AskAcknowledgement = true;
        for (int pair = 0; pair < 4; pair++)
        {
            front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        }

        // The same addresses with other memory behind them are a conflict.
        front.Refused(RequestCode.ADD_MEM_REG, guest.SingleRegion, other.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.GetBase(0);
        for (int pair = 0; pair < 4; pair++)
        {
            front.Tell(RequestCode.REM_MEM_REG, guest.SingleRegion);
        }

        front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, other.File.Value);
    }

    [Fact]
    public void VirtioUserBringsAPackedRingUp()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        RawFrontEnd front = fixture.Front;
        using var call = new EventNotifier();
        front.Tell(RequestCode.SET_OWNER);
        front.Ask<ulong>(RequestCode.GET_FEATURES);
        front.Ask<ulong>(RequestCode.GET_PROTOCOL_FEATURES);
        front.Tell(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(ProtocolFeatures.MQ | ProtocolFeatures.REPLY_ACK | ProtocolFeatures.STATUS));
        for (int ring = 0; ring < 2; ring++)
        {
            front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(ring)), call.Fd);
        }

        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.RING_PACKED));
        front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        for (int ring = 0; ring < 2; ring++)
        {
            // Only the low half of the position.
            fixture.SetUpRing(ring, 256, 0x8000);
            fixture.Kick(ring);
            fixture.Enable(ring);
        }

        Assert.Equal([0, 1], fixture.Device.Running.Order());
        Assert.True(fixture.Device.Queues[1].Enabled);
        Assert.Equal(0x8000_8000u, fixture.GetBase(0));
    }

    [Fact]
    public void WithoutProtocolFeaturesRingsAreEnabledAtOnce()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Front.Tell(RequestCode.SET_OWNER);
        fixture.Front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(VirtioFeatures.VERSION_1));
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        Assert.True(fixture.Device.Queues[0].Enabled);
    }

    [Fact]
    public void AKickThatComesFirstStartsTheRingWhenTheRestHasCome()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Kick(0);
        Assert.Empty(fixture.Device.Running);
        fixture.SetUpRing(0);
        Assert.Empty(fixture.Device.Running);
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        Assert.Equal([0], fixture.Device.Running);
    }
}
