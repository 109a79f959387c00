using System.Buffers.Binary;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchVlanTests
{
    private static SwitchPortOptions Access(ushort vlan) => new() { Mode = SwitchVlanMode.Access, AccessVlan = vlan };

    private static SwitchPortOptions Trunk(ushort? native, params ushort[] vlans) => new() { NativeVlan = native, AllowedVlans = vlans };

    [Fact]
    public void AccessPortsOfOneVlanMeetAndOthersDoNot()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(Access(10));
        net.Join(Access(20));
        net.Send(0, Frame(Station(0), Broadcast));
        Assert.Equal([1], net.Receivers());
        net.Send(0, Frame(Station(0), Broadcast, tag: 10), Frame(Station(0), Broadcast, tag: 20));
        Assert.Empty(net.Receivers());
        Assert.Equal(2, net.Drops(0, DropReason.Filtered));
        net.Announce(2);
        net.Send(0, Frame(Station(0), Station(2)));
        Assert.Equal([1], net.Receivers());
    }

    [Fact]
    public void TrunksTagAndUntag()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(Trunk(20, 10, 20));
        net.Join(Access(20));
        net.Send(0, Frame(Station(0), Broadcast, payload: "a"));
        Assert.Equal([Frame(Station(0), Broadcast, tag: 10, payload: "a")], net[1].Take());
        net.Send(2, Frame(Station(2), Broadcast, payload: "b"));
        Assert.Equal([Frame(Station(2), Broadcast, payload: "b")], net[1].Take());
        net.Send(1, Frame(Station(1), Broadcast, tag: 10), Frame(Station(1, 1), Broadcast), Frame(Station(1, 2), Broadcast, tag: 30));
        Assert.Equal([Frame(Station(1), Broadcast)], net[0].Take());
        Assert.Equal([Frame(Station(1, 1), Broadcast)], net[2].Take());
        Assert.Equal(1, net.Drops(1, DropReason.Filtered));
    }

    [Fact]
    public void PriorityIsKept()
    {
        using var net = new SwitchFixture(0);
        net.Join(Trunk(null, 10));
        net.Join(Trunk(null, 10));
        net.Join(Access(10));
        net.Send(0, Frame(Station(0), Broadcast, tag: 0xb00a));
        Assert.Equal([Frame(Station(0), Broadcast, tag: 0xb00a)], net[1].Take());
        Assert.Equal([Frame(Station(0), Broadcast)], net[2].Take());

        // A tag with VLAN 0 states a priority only; a trunk without a native VLAN does not take it.
        net.Send(0, Frame(Station(0), Broadcast, tag: 0x6000));
        Assert.Empty(net.Receivers());
        net.Send(2, Frame(Station(2), Broadcast, tag: 0x6000));
        Assert.Equal([Frame(Station(2), Broadcast, tag: 0x600a)], net[1].Take());
    }

    [Fact]
    public void TheSameStationMayBeInTwoVlans()
    {
        using var net = new SwitchFixture(4);
        net.Announce(1, number: 5, tag: 10);
        net.Send(2, Frame(Station(1, 5), Broadcast, tag: 20));
        net.Receivers();
        net.Send(0, Frame(Station(0), Station(1, 5), tag: 10));
        Assert.Equal([1], net.Receivers());
        net.Send(0, Frame(Station(0), Station(1, 5), tag: 20));
        Assert.Equal([2], net.Receivers());
        net.Send(0, Frame(Station(0), Station(1, 5), tag: 10), Frame(Station(0), Station(1, 5), tag: 20));
        Assert.Equal([1, 2], net.Receivers());
    }

    [Fact]
    public void ATagBehindATagDoesNotHop()
    {
        using var net = new SwitchFixture(0);
        net.Join(Trunk(10, 10));
        net.Join(Trunk(10, 10, 20));
        net.Join(Access(20));
        byte[] frame = new FrameBuilder { Source = Station(0), Destination = Broadcast, Tags = [(0x8100, 10), (0x8100, 20)], Payload = new byte[20] }.Finished();
        net.Send(0, frame);
        Assert.Empty(net.Receivers());
    }

    [Fact]
    public void WhatTheSenderWritesMeanwhileDoesNotReachATrunk()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(Trunk(10, 10, 20));
        net.Memory.Add(default, Frame(Station(0), Broadcast, payload: "x"));
        net[1].Delivering = () => Overwrite(net.Memory.Burst);
        net[0].Send(net.Memory.Burst);
        Assert.Equal(Frame(Station(0), Broadcast, payload: "x")[..14], Assert.Single(net[1].Take())[..14]);
    }

    [Fact]
    public void UnfinishedFramesKeepTheirOffsetsThroughTags()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(Trunk(null, 10), Offloads.All);
        net.Join(Access(10));
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[3000], Source = Station(0), Destination = Broadcast };
        FrameBuilder tagged = tcp with { Tags = [(0x8100, 10)] };
        net.Memory.Add(tcp.Header(1000), tcp.Partial(), 30);
        net[0].Send(net.Memory.Burst);
        (VirtioNetHeader header, byte[] frame) = Assert.Single(net[1].Frames);
        Assert.Equal(tagged.Header(1000), header);
        Assert.Equal(tagged.Partial(), frame);
        Assert.Equal(SlowOffload.Segment(tcp, 1000), net[2].Take());
        net[1].Take();

        net.Memory.Clear();
        net.Memory.Add(tagged.Header(1000), tagged.Partial(), 7, 100);
        net[1].Send(net.Memory.Burst);
        Assert.Equal(SlowOffload.Segment(tcp, 1000), net[2].Take());
    }

    /// <summary>A tag that comes or goes moves the checksum's place: not around 16 bits, and not into the network header.</summary>
    [Fact]
    public void AChecksumThatATagWouldMoveOutOfItsLimitsIsRefused()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(Trunk(null, 10), Offloads.All);
        net.Join(Access(10), Offloads.All);
        FrameBuilder udp = new() { Payload = new byte[100], Source = Station(0), Destination = Broadcast };
        VirtioNetHeader header = udp.Header();
        FrameBuilder large = udp with { Payload = new byte[65_500] };
        net.Memory.Add(header with { CsumStart = 65_533, CsumOffset = 0, HdrLen = 65_535 }, large.Partial());
        net.Memory.Add(header with { CsumStart = 65_000, CsumOffset = 533, HdrLen = 65_535 }, large.Partial());
        net.Memory.Add(header, udp.Partial());
        net[0].Send(net.Memory.Burst);
        Assert.Equal((udp with { Tags = [(0x8100, 10)] }).Header(), Assert.Single(net[1].Frames).Header);
        Assert.Equal(3, net[2].Frames.Count);
        AssertRefused(net[0], 2);

        net.Memory.Clear();
        FrameBuilder tagged = udp with { Tags = [(0x8100, 10)], Source = Station(1) };
        net.Memory.Add(tagged.Header() with { CsumStart = 37 }, tagged.Partial());
        net[1].Send(net.Memory.Burst);
        Assert.Equal(3, net[2].Frames.Count);
        AssertRefused(net[1], 2);

        static void AssertRefused(FakePort port, int count)
        {
            port.ReadCounters(out FrameCounters received, out _);
            Assert.Equal(count, received.Drops[(int)DropReason.Offload]);
        }
    }

    [Fact]
    public void AnyMixOfPortsCarriesWhatTheModelSays()
    {
        var random = new Random(8);
        for (int round = 0; round < 30; round++)
        {
            using var net = new SwitchFixture(0);
            for (int i = 0; i < 6; i++)
            {
                net.Join(RandomOptions(random));
            }

            for (int send = 0; send < 20; send++)
            {
                int from = random.Next(6);
                byte[][] frames = [.. Enumerable.Range(0, random.Next(1, 40)).Select(i => RandomFrame(random, from, i))];
                var expected = new List<byte[]>[6];
                Array.ForEach([0, 1, 2, 3, 4, 5], i => expected[i] = []);
                foreach (byte[] frame in frames)
                {
                    Model(net, from, frame, expected);
                }

                net.Send(from, frames);
                for (int p = 0; p < 6; p++)
                {
                    Assert.Equal(expected[p], net[p].Take());
                }
            }
        }
    }

    private static unsafe void Overwrite(FrameBurst burst)
    {
        // A guest that makes its untagged frame a tagged one after it was looked at.
        byte* at = (byte*)burst[0].Address;
        BinaryPrimitives.WriteUInt32BigEndian(new Span<byte>(at + 12, 4), 0x8100_0014);
    }

    private static SwitchPortOptions RandomOptions(Random random) => random.Next(4) switch
    {
        0 => Access((ushort)random.Next(0, 4)),
        1 => Trunk(1, 1, 2),
        2 => Trunk(null, 2, 3),
        _ => new SwitchPortOptions { NativeVlan = random.Next(3) switch { 0 => null, 1 => 0, _ => 3 } },
    };

    private static byte[] RandomFrame(Random random, int from, int number) =>
        Frame(Station(from, random.Next(3)), Broadcast, random.Next(3) == 0 ? -1 : random.Next(0, 5) | (random.Next(8) << 13), $"{number}");

    /// <summary>802.1Q in a few lines: which VLAN a frame is put into, who belongs to it, and what they see.</summary>
    private static void Model(SwitchFixture net, int from, byte[] frame, List<byte[]>[] expected)
    {
        SwitchPortOptions ingress = net.Switch.OptionsOf(net[from]);
        bool tagged = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == 0x8100;
        int tci = tagged ? BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(14)) : 0;
        int vlan = tci & 0xfff;
        if (vlan == 0)
        {
            vlan = Untagged(ingress);
        }
        else if (ingress.Mode == SwitchVlanMode.Access || !Belongs(ingress, vlan))
        {
            return;
        }

        if (vlan < 0)
        {
            return;
        }

        byte[] bare = tagged ? [.. frame[..12], .. frame[16..]] : frame;
        for (int p = 0; p < expected.Length; p++)
        {
            SwitchPortOptions egress = net.Switch.OptionsOf(net[p]);
            if (p != from && Belongs(egress, vlan))
            {
                int tag = (tci & 0xf000) | vlan;
                expected[p].Add(Untagged(egress) == vlan ? bare : [.. frame[..12], 0x81, 0, (byte)(tag >> 8), (byte)tag, .. bare[12..]]);
            }
        }
    }

    private static int Untagged(SwitchPortOptions options) => options.Mode == SwitchVlanMode.Access ? options.AccessVlan : options.NativeVlan ?? -1;

    private static bool Belongs(SwitchPortOptions options, int vlan) =>
        Untagged(options) == vlan || (vlan != 0 && options.Mode == SwitchVlanMode.Trunk && (options.AllowedVlans?.Contains((ushort)vlan) ?? true));
}
