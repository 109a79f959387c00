using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchPortTests
{
    [Fact]
    public void IsolatedPortsDoNotMeet()
    {
        using var net = new SwitchFixture(1);
        net.Join(new SwitchPortOptions { Isolated = true });
        net.Join(new SwitchPortOptions { Isolated = true });
        net.Send(1, Frame(Station(1), Broadcast));
        Assert.Equal([0], net.Receivers());
        net.Announce(2);
        net.Send(1, Frame(Station(1), Station(2)));
        Assert.Empty(net.Receivers());
        Assert.Equal(1, net.Switch.ReadPair(net[1], net[2]).Filtered);
        net.Send(0, Frame(Station(0), Broadcast));
        Assert.Equal([1, 2], net.Receivers());
        net.Switch.Configure(net[2], new SwitchPortOptions());
        net.Send(1, Frame(Station(1), Broadcast));
        Assert.Equal([0, 2], net.Receivers());
    }

    [Fact]
    public void AReceiverThatIsDownIsForgottenAndSkipped()
    {
        using var net = new SwitchFixture(3);
        net.Announce(1);
        net[1].Change(up: false);
        Assert.Empty(net.Switch.ListAddresses());
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([2], net.Receivers());
        net[1].Change(up: true);
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1, 2], net.Receivers());
    }

    [Fact]
    public void ALinkThatIsTakenDownCarriesNothingEitherWay()
    {
        using var net = new SwitchFixture(2);
        net.Switch.Configure(net[1], new SwitchPortOptions { LinkEnabled = false });
        net.Send(0, Frame(Station(0), Broadcast));
        net.Send(1, Frame(Station(1), Broadcast));
        Assert.Empty(net.Receivers());
        Assert.Equal(1, net.Drops(0, DropReason.NoReceiver));
        Assert.Equal(1, net.Drops(1, DropReason.NotRunning));
    }

    [Fact]
    public void ASlowReceiverStopsNobody()
    {
        using var net = new SwitchFixture(3);
        net[1].Room = 2;
        net.Send(0, [.. Enumerable.Range(0, 20).Select(i => Frame(Station(0), Broadcast, payload: $"{i}"))]);
        Assert.Equal(2, net[1].Frames.Count);
        Assert.Equal(20, net[2].Frames.Count);
        Assert.Equal(18, net[1].EgressCounters.Drops[(int)DropReason.NoBuffers]);
    }

    [Fact]
    public void StormsAreCutToTheirLimitByKind()
    {
        using var net = new SwitchFixture(2);
        net.Join(new SwitchPortOptions { Storm = new SwitchStormLimits { BroadcastPerSecond = 1000, MulticastPerSecond = 2000, UnknownPerSecond = 500 } });
        net.Announce(0);
        byte[][] burst = [.. Enumerable.Repeat<byte[][]>(
            [Frame(Station(2), Broadcast), Frame(Station(2), Multicast), Frame(Station(2), Station(7)), Frame(Station(2), Station(0))], 50).SelectMany(f => f)];
        for (int i = 0; i < 1000; i++)
        {
            net.Clock.Advance(1_000_000);
            net.Send(2, burst);
        }

        IReadOnlyList<byte[]> frames = net[0].Take();
        Assert.InRange(frames.Count(f => f[0] == 0xff), 980, 1020);
        Assert.InRange(frames.Count(f => f[0] == 1), 1960, 2040);
        Assert.InRange(frames.Count(f => f[5] == 7), 490, 510);
        Assert.Equal(50_000, frames.Count(f => f[0] == 2 && f[5] == 0));
        Assert.Equal((3 * 50_000) - frames.Count + 50_000, net.Drops(2, DropReason.StormControl));
    }

    [Fact]
    public void AMirrorGetsEachFrameOnceAndTakesNoPart()
    {
        using var net = new SwitchFixture(4);
        net.Announce(0);
        net.Announce(1);
        net.Switch.SetMirror(new SwitchMirror(net[3], From: [net[0]], To: [net[0]]));
        net.Send(0, Frame(Station(0), Station(1)), Frame(Station(0), Broadcast));
        Assert.Equal(2, net[3].Take().Count);
        net.Send(1, Frame(Station(1), Station(0)), Frame(Station(1), Broadcast), Frame(Station(1), Station(2)));
        Assert.Equal(3, net[3].Take().Count);
        net.Receivers();
        net.Send(2, Frame(Station(2), Station(1)));
        Assert.Equal([1], net.Receivers());
        net.Send(3, Frame(Station(3), Broadcast));
        Assert.Empty(net.Receivers());
        net.Switch.SetMirror(null);
        net.Send(3, Frame(Station(3), Broadcast));
        Assert.Equal([0, 1, 2], net.Receivers());
    }

    [Fact]
    public void PortsComeAndGo()
    {
        using var net = new SwitchFixture(2);
        net.Announce(1);
        FakePort left = net[1];
        net.Switch.Detach(left);
        Assert.Null(left.Network);
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal(1, net.Drops(0, DropReason.NoReceiver));
        Assert.Equal(1, left.Send(net.Memory.Burst));
        net.Join(new SwitchPortOptions());
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([2], net.Receivers());
        Assert.Equal(1, net.Switch.ReadPair(net[0], net[2]).Frames);
        Assert.Throws<InvalidOperationException>(() => net.Switch.Attach(net[2]));
        Assert.Throws<ArgumentException>(() => net.Switch.Detach(left));
    }

    [Fact]
    public void AFloodOfAddressesTakesItsPortsShareAndNoMore()
    {
        using var net = new SwitchFixture(3, new SwitchOptions { MacTableCapacity = 4096 });
        net.Announce(0);
        net.Announce(1);
        byte[] frame = Frame(Station(2), Station(0));
        long allocated = 0;
        for (int i = 0; i < 1_000_000; i += 250)
        {
            net.Memory.Clear();
            for (int j = i; j < i + 250; j++)
            {
                frame[7] = (byte)(j >> 16);
                frame[8] = (byte)(j >> 8);
                frame[9] = (byte)j;
                net.Memory.Add(default, frame);
            }

            net[0].KeepsFrames = false;
            long before = GC.GetAllocatedBytesForCurrentThread();
            net[2].Send(net.Memory.Burst);
            allocated += i == 0 ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
        Assert.Equal(2 + 1024, net.Switch.AddressCount);
        Assert.Equal(1_000_000 - 1024, net.Switch.AddressesRefused);
        net.Send(0, Frame(Station(0), Station(1)));
        Assert.Equal([1], net.Receivers());
    }

    [Fact]
    public void ImpossibleOptionsAreRefusedWithTheirName()
    {
        using var net = new SwitchFixture(1);
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(() => net.Switch.Configure(net[0], new SwitchPortOptions { Mode = SwitchVlanMode.Access, AccessVlan = 4095 }));
        Assert.Contains("p0", e.Message, StringComparison.Ordinal);
        Assert.Contains("4095", e.Message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => net.Switch.Configure(net[0], new SwitchPortOptions { AllowedVlans = [5], NativeVlan = 6 }));
        Assert.ThrowsAny<ArgumentException>(() => net.Switch.Configure(net[0], new SwitchPortOptions { PinnedMacs = [new(0x0100_0000_0001)] }));
        Assert.ThrowsAny<ArgumentException>(() => new SwitchNetwork("x", new SwitchOptions { MacTableCapacity = 0 }));
    }

    /// <summary>What a guest can bring about with each message costs by the number of ports, and makes nothing new when nothing changed.</summary>
    [Fact]
    public void AChangeThatIsNoneMakesNoNewSnapshot()
    {
        using var net = new SwitchFixture(2);
        FakePort tso = net.Join(new SwitchPortOptions(), Offloads.Tso4 | Offloads.Checksum), checksum = net.Join(new SwitchPortOptions(), Offloads.Checksum);
        Assert.Equal((Offloads.Checksum, Offloads.Tso4 | Offloads.Checksum), (tso.PeersAccept, checksum.PeersAccept));
        Assert.Equal((Offloads.Tso4 | Offloads.Checksum, Offloads.Tso4 | Offloads.Checksum), (net[0].PeersAccept, net[1].PeersAccept));
        SwitchSnapshot before = net.Switch.Snapshot;
        tso.Change(up: true, Offloads.Tso4 | Offloads.Checksum);
        Assert.Same(before, net.Switch.Snapshot);
        tso.Change(up: true);
        Assert.NotSame(before, net.Switch.Snapshot);
        Assert.Equal((Offloads.Checksum, Offloads.None), (net[0].PeersAccept, checksum.PeersAccept));
        before = net.Switch.Snapshot;
        tso.Change(up: false);
        Assert.NotSame(before, net.Switch.Snapshot);
        net.Send(0, Frame(Station(0), Broadcast));
        Assert.Equal([1, 3], net.Receivers());
    }
}
