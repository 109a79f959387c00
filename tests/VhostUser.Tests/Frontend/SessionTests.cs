using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Our front end against our back end, over a socket pair.</summary>
public sealed class SessionTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Combinations => RingFeatures.All;

    [Theory]
    [MemberData(nameof(Combinations))]
    public void MessagesComeBackWithEveryCombinationOfRingFeatures(string combination)
    {
        ulong features = RingFeatures.Parse(combination);
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(memory, features | VirtioFeatures.PROTOCOL_FEATURES);
        Assert.Equal(features | VirtioFeatures.PROTOCOL_FEATURES, frontend.Features);
        using var rings = new EchoRings(frontend, memory) { Indirect = (features & VirtioFeatures.INDIRECT_DESC) != 0 };
        rings.Start();
        rings.Exchange(2000);
        rings.Stop();
        Check(harness);
        Assert.Equal(2000, harness.Device.Echoed);
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void ARingGoesOnWhereItStopped(string combination)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(memory, RingFeatures.Parse(combination) | VirtioFeatures.PROTOCOL_FEATURES);
        using var rings = new EchoRings(frontend, memory, 16);
        for (int round = 0; round < 10; round++)
        {
            rings.Start();
            rings.Exchange(33);
            Assert.Equal(rings.Receive.DrainedBase, frontend.StopQueue(rings.Receive));
            Assert.Equal(rings.Transmit.DrainedBase, frontend.StopQueue(rings.Transmit));
        }

        Check(harness);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("packed")]
    public void WithoutProtocolFeaturesEveryRingIsEnabledAndMessagesAreNotAcknowledged(string combination)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(memory, RingFeatures.Parse(combination));
        Assert.Equal(0UL, frontend.ProtocolFeatures);
        using var rings = new EchoRings(frontend, memory);
        rings.Start();
        rings.Exchange(500);
        Check(harness);
    }

    [Theory]
    [InlineData("plain", true)]
    [InlineData("plain", false)]
    [InlineData("packed", true)]
    [InlineData("packed", false)]
    public void MemoryChangesUnderTraffic(string combination, bool slots)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(
            memory, RingFeatures.Parse(combination) | VirtioFeatures.PROTOCOL_FEATURES, new FrontendOptions { UseMemorySlots = slots });
        using var rings = new EchoRings(frontend, memory);
        rings.Start();
        for (int round = 0; round < 50; round++)
        {
            for (int i = 0; i < 8; i++)
            {
                rings.Post();
                rings.Send();
            }

            rings.Receive.Publish();
            rings.Receive.KickIfWanted();
            rings.Transmit.Publish();
            rings.Transmit.KickIfWanted();
            GuestRegion added = memory.AddRegion(0x8_0000_0000 + ((ulong)round << 24), 1 << 20);
            frontend.ShareMemory(memory);
            rings.Await(8);
            rings.Exchange(5);
            memory.RemoveRegion(added);
            frontend.ShareMemory(memory);
            added.Dispose();
        }

        Check(harness);
    }

    [Fact]
    public void BuffersMaySpanRegionsThatAreNeighboursOnlyForTheGuest()
    {
        using var harness = new SessionHarness();
        using var memory = new GuestMemory();
        for (int i = 0; i < 8; i++)
        {
            memory.AddRegion(0x1_0000_0000 + ((ulong)i << 20), 1 << 20, new GuestRegionOptions { UserAddress = 0x7000_0000_0000 + ((ulong)(7 - i) << 20) });
        }

        using VhostUserFrontend frontend = harness.Open(memory, ulong.MaxValue & ~VirtioFeatures.LOG_ALL);
        DriverQueue receive = frontend.CreateQueue(0), transmit = frontend.CreateQueue(1);
        frontend.StartQueue(receive);
        frontend.StartQueue(transmit);
        byte[] content = new byte[3 << 20];
        new Random(5).NextBytes(content);
        memory.Write(0x1_0018_0000, content.AsSpan(0, 0x17_0000));
        Assert.True(receive.Send([new GuestBuffer(0x1_0037_8001, 0x30_0000, true)], 1) >= 0);
        Assert.True(transmit.Send([new GuestBuffer(0x1_0018_0000, 0x17_0000, false)], 2) >= 0);
        var used = new UsedChain[1];
        Assert.Equal(1, receive.WaitForUsed(used, s_timeout));
        Assert.Equal(0x17_0000u, used[0].Length);
        byte[] back = new byte[0x17_0000];
        memory.Read(0x1_0037_8001, back);
        Assert.Equal(content[..0x17_0000], back);
        Check(harness);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("packed")]
    [InlineData("packed+event+indirect")]
    public void ADisabledTransmitRingDropsAndADisabledReceiveRingRests(string combination)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(memory, RingFeatures.Parse(combination) | VirtioFeatures.PROTOCOL_FEATURES);
        using var rings = new EchoRings(frontend, memory);
        rings.Start();
        rings.Exchange(10);
        frontend.EnableQueue(rings.Receive, false);
        rings.Post();
        rings.Send();
        rings.Receive.Publish();
        rings.Receive.KickIfWanted();
        rings.Transmit.Publish();
        rings.Transmit.KickIfWanted();
        frontend.Barrier();
        harness.Device.OnDataPath(() => { });
        Assert.False(rings.Receive.HasUsed);
        frontend.EnableQueue(rings.Receive, true);
        rings.Await(1);
        frontend.EnableQueue(rings.Transmit, false);
        ulong area = memory.Allocate(64);
        rings.Transmit.Send([new GuestBuffer(area, 10, false)]);
        var used = new UsedChain[1];
        Assert.Equal(1, rings.Transmit.WaitForUsed(used, s_timeout));
        Assert.Equal(1, harness.Device.Dropped);
        frontend.EnableQueue(rings.Transmit, true);
        rings.Exchange(10);
        Check(harness);
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void ANewBackEndGoesOnWithTheRingsOfTheOldOne(string combination)
    {
        ulong features = RingFeatures.Parse(combination) | VirtioFeatures.PROTOCOL_FEATURES;
        using GuestMemory memory = Memory();
        var first = new SessionHarness();
        using VhostUserFrontend frontend = first.Open(memory, features);
        using var rings = new EchoRings(frontend, memory, 16);
        rings.Start();
        rings.Exchange(37);

        // Receive chains that nobody filled yet have to survive, too.
        rings.Post();
        rings.Post();
        rings.Receive.Publish();
        rings.Receive.KickIfWanted();
        first.Dispose();
        rings.Send();
        rings.Send();
        rings.Transmit.Publish();
        using var second = new SessionHarness();
        frontend.Reconnect(second.ConnectSocket());
        rings.Await(2);
        rings.Exchange(100);
        Check(second);
        Check(first);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("packed")]
    public void ARingCanBeResetAlone(string combination)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = Memory();
        using VhostUserFrontend frontend = harness.Open(memory, RingFeatures.Parse(combination) | VirtioFeatures.RING_RESET | VirtioFeatures.PROTOCOL_FEATURES);
        using var rings = new EchoRings(frontend, memory, 16);
        rings.Start();
        rings.Exchange(21);
        for (int i = 0; i < 20; i++)
        {
            frontend.ResetQueue(rings.Transmit);
            frontend.StartQueue(rings.Transmit);
            rings.Exchange(7);
            frontend.ResetQueue(rings.Receive);
            frontend.StartQueue(rings.Receive);
            rings.Exchange(7);
        }

        Check(harness);
    }

    internal static GuestMemory Memory()
    {
        // The announced user addresses differ from the mapped ones, so that a back end that confuses them is caught.
        var memory = new GuestMemory();
        memory.AddRegion(0, 1 << 20, new GuestRegionOptions { UserAddress = 0x7f00_0000_0000, FileOffset = 1 << 16 });
        memory.AddRegion(0x1_0000_0000, 8 << 20, new GuestRegionOptions { UserAddress = 0x7e00_0000_0000 });
        return memory;
    }

    internal static void Check(SessionHarness harness)
    {
        Assert.Null(harness.Failure);
        Assert.Null(harness.Device.Failure);
        Assert.DoesNotContain(harness.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal) || l.Contains("refused", StringComparison.Ordinal));
    }
}
