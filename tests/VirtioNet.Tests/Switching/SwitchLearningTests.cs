using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchLearningTests
{
    [Fact]
    public void UnknownAddressesAreFloodedAndKnownOnesAreNot()
    {
        using var net = new SwitchFixture(4);
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1, 2, 3], net.Receivers());
        net.Send(1, Frame(Station(1), Station(0)));
        Assert.Equal([0], net.Receivers());
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1], net.Receivers());
        Assert.Equal(
            [new(0, Address(0), "p0", false, 0), new(0, Address(1), "p1", false, 0)], net.Switch.ListAddresses().OrderBy(a => a.Address.Value));
    }

    [Fact]
    public void BroadcastAndMulticastGoToEverybodyElse()
    {
        using var net = new SwitchFixture(4);
        net.Send(2, Frame(Station(2), Broadcast));
        Assert.Equal([0, 1, 3], net.Receivers());
        net.Send(2, Frame(Station(2), Multicast));
        Assert.Equal([0, 1, 3], net.Receivers());
    }

    [Fact]
    public void FramesToTheirOwnPortAreDropped()
    {
        using var net = new SwitchFixture(3);
        net.Announce(0, 1);
        net.Send(0, Frame(Station(0, 2), Station(0, 1)));
        Assert.Empty(net.Receivers());
        Assert.Equal(1, net.Drops(0, DropReason.Filtered));
    }

    [Fact]
    public void BridgesOwnFramesAndImpossibleSourcesGoNowhere()
    {
        using var net = new SwitchFixture(3);
        net.Send(0, Frame(Station(0), [1, 0x80, 0xc2, 0, 0, 0]), Frame(Broadcast, Station(1)), Frame(new byte[6], Station(1)));
        Assert.Empty(net.Receivers());
        Assert.Equal(3, net.Drops(0, DropReason.Filtered));
        Assert.Equal(1, net.Switch.AddressCount);
    }

    [Fact]
    public void AStationThatMovesIsFollowedAtOnce()
    {
        using var net = new SwitchFixture(3);
        net.Announce(0);
        net.Announce(1);
        net.Send(0, Frame(Station(0), Station(1)));
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1], net.Receivers());
        net.Send(2, Frame(Station(1), Broadcast));
        net.Receivers();
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([2], net.Receivers());
    }

    [Fact]
    public void SilentStationsAreForgottenAndActiveOnesAreNot()
    {
        using var net = new SwitchFixture(3, new SwitchOptions { Ageing = TimeSpan.FromSeconds(60) });
        net.Announce(0);
        net.Announce(1);
        for (TimeSpan passed = TimeSpan.Zero; passed <= TimeSpan.FromSeconds(60) + net.Switch.AgeingTick; passed += net.Switch.AgeingTick)
        {
            net.Switch.Tick();
            net.Send(0, Frame(Station(0), Multicast));
        }

        net.Receivers();
        Assert.Equal(Address(0), Assert.Single(net.Switch.ListAddresses()).Address);
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1, 2], net.Receivers());
    }

    /// <summary>Two stations that talk to each other all the time, whose flows need no look-up, are not forgotten for it.</summary>
    [Fact]
    public void StationsThatTalkToEachOtherAreNotForgotten()
    {
        using var net = new SwitchFixture(3, new SwitchOptions { Ageing = TimeSpan.FromSeconds(60) });
        net.Announce(0);
        net.Announce(1);
        for (TimeSpan passed = TimeSpan.Zero; passed <= 3 * TimeSpan.FromSeconds(60); passed += net.Switch.AgeingTick)
        {
            net.Switch.Tick();
            net.Send(0, Frame(Station(0), Station(1)));
            Assert.Equal([1], net.Receivers());
            net.Send(1, Frame(Station(1), Station(0)));
            Assert.Equal([0], net.Receivers());
        }

        Assert.Equal([Address(0), Address(1)], net.Switch.ListAddresses().Select(a => a.Address).OrderBy(a => a.Value));
    }

    /// <summary>More ports than one word has bits: everybody but the sender.</summary>
    [Fact]
    public void ABroadcastReachesEverybodyOfMany()
    {
        const int count = 70;
        const int sender = 66;
        using var net = new SwitchFixture(count);
        net.Send(sender, Frame(Station(sender), Broadcast));
        Assert.Equal(Enumerable.Range(0, count).Where(i => i != sender), net.Receivers());
    }

    [Fact]
    public void FixedAddressesStayAndForgersAreDropped()
    {
        using var net = new SwitchFixture(2);
        net.Join(new SwitchPortOptions { StaticMacs = [(0, Address(9))] });
        net.Send(0, Frame(Station(0), Station(9)));
        Assert.Equal([2], net.Receivers());
        net.Send(1, Frame(Station(9), Broadcast));
        Assert.Empty(net.Receivers());
        Assert.Equal(1, net.Drops(1, DropReason.Filtered));
        for (int i = 0; i < 100; i++)
        {
            net.Switch.Tick();
        }

        Assert.True(Assert.Single(net.Switch.ListAddresses(), a => a.Address == Address(9)).IsStatic);
        net.Switch.Detach(net[2]);
        Assert.DoesNotContain(net.Switch.ListAddresses(), a => a.Address == Address(9));
    }

    [Fact]
    public void OrderIsKeptForEachReceiver()
    {
        using var net = new SwitchFixture(5);
        for (int i = 0; i < 5; i++)
        {
            net.Announce(i);
        }

        var random = new Random(6);
        for (int round = 0; round < 50; round++)
        {
            byte[][] frames = new byte[random.Next(1, 257)][];
            var expected = new List<byte[]>[5];
            Array.ForEach([0, 1, 2, 3, 4], i => expected[i] = []);
            for (int i = 0; i < frames.Length; i++)
            {
                int to = random.Next(1, 7);
                frames[i] = Frame(Station(0), to switch { 5 => Broadcast, 6 => Multicast, _ => Station(to) }, payload: $"{i}");
                for (int p = 1; p < 5; p++)
                {
                    if (to is 5 or 6 || to == p)
                    {
                        expected[p].Add(frames[i]);
                    }
                }
            }

            net.Send(0, frames);
            for (int p = 0; p < 5; p++)
            {
                Assert.Equal(expected[p], net[p].Take());
                Assert.True(net[p].Deliveries <= 6 + round, "a receiver gets its frames of a burst in one call");
            }
        }
    }

    [Fact]
    public void AFlowIsFollowedWithoutLookUpsAndLeftWhenItChanges()
    {
        using var net = new SwitchFixture(3);
        net.Announce(1);
        net.Announce(2);
        byte[] one = Frame(Station(0), Station(1)), two = Frame(Station(0), Station(2));
        net.Send(0, one, one, one);
        net.Send(0, one, one);
        Assert.Equal([1], net.Receivers());
        net.Send(0, one, two, one);
        Assert.Single(net[2].Take());
        Assert.Equal(2, net[1].Take().Count);
        SwitchPairCounters pair = net.Switch.ReadPair(net[0], net[1]);
        Assert.Equal((7L, 7L * one.Length), (pair.Frames, pair.Bytes));
    }

    [Fact]
    public void FramesInPiecesAreReadAcrossThem()
    {
        using var net = new SwitchFixture(3);
        net.Announce(1);
        net.Memory.Clear();
        net.Memory.Add(default, Frame(Station(0), Station(1), payload: "pieces"), 3, 5, 2, 3);
        net[0].Send(net.Memory.Burst);
        Assert.Equal([Frame(Station(0), Station(1), payload: "pieces")], net[1].Take());
        Assert.Empty(net.Receivers());
    }

    [Fact]
    public void UnfinishedFramesAreFinishedForWhoCannot()
    {
        using var net = new SwitchFixture(1);
        net.Join(new SwitchPortOptions(), Offloads.All);
        net.Join(new SwitchPortOptions());
        Assert.Equal(Offloads.None, net[1].PeersAccept);
        Assert.Equal(Offloads.All, net[0].PeersAccept);
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[4000], Source = Station(0), Destination = Broadcast };
        net.Memory.Add(tcp.Header(1000), tcp.Partial(), 60);
        net[0].Send(net.Memory.Burst);
        Assert.Equal(tcp.Partial(), Assert.Single(net[1].Take()));
        Assert.Equal(SlowOffload.Segment(tcp, 1000), net[2].Take());
    }
}
