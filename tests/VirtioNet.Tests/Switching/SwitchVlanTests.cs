using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchVlanTests
{
    private static readonly ushort[] s_tags = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

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

    /// <summary>In half of the rounds the sender writes other words into its frames after they were looked at.</summary>
    [Fact]
    public void AnyMixOfPortsCarriesWhatTheModelSays()
    {
        var random = new Random(8);
        for (int round = 0; round < 60; round++)
        {
            using var net = new SwitchFixture(0);
            for (int i = 0; i < 6; i++)
            {
                net.Join(RandomOptions(random));
            }

            bool rewrites = round % 2 == 1;
            net.Switch.Judged = rewrites ? burst => Scribble(random, burst) : null;
            for (int send = 0; send < 20; send++)
            {
                int from = random.Next(6);
                byte[][] frames = [.. Enumerable.Range(0, random.Next(1, 40)).Select(i => RandomFrame(random, from, i))];
                net.Send(from, frames);
                for (int p = 0; p < 6; p++)
                {
                    Check(net, from, p, frames, rewrites);
                }
            }
        }
    }

    private static void Check(SwitchFixture net, int from, int to, byte[][] frames, bool rewrites)
    {
        IReadOnlyList<byte[]> came = net[to].Take();
        SwitchPortOptions ingress = net.Switch.OptionsOf(net[from]), egress = net.Switch.OptionsOf(net[to]);
        if (from == to)
        {
            Assert.Empty(came);
            return;
        }

        if (!rewrites)
        {
            Assert.Equal(frames.Select(f => Model(ingress, egress, f, innerIsKnown: true)).OfType<byte[]>(), came);
            return;
        }

        if (IsPlain(ingress) && IsPlain(egress))
        {
            // Both belong to every VLAN in the same way: there is nothing to hop to, and frames go by reference.
            return;
        }

        // What stands behind a tag was read after it was rewritten; all that was judged before is as it was, and what was taken off uncovered nothing.
        List<byte[]> expected = [.. frames.Select(f => Model(ingress, egress, f, innerIsKnown: false)).OfType<byte[]>()];
        Assert.InRange(came.Count, 0, expected.Count);
        int next = 0;
        foreach (byte[] frame in came)
        {
            int length = IsTagged(frame) ? 16 : 12;
            next = expected.FindIndex(next, e => e.AsSpan(0, length).SequenceEqual(frame.AsSpan(0, length)) && IsTagged(e) == IsTagged(frame)) + 1;
            Assert.True(next > 0, $"{Convert.ToHexString(frame[..20])} came, which the model does not let pass there");
            Assert.True(IsTagged(frame) || !IsTag(TypeAt(frame, 12)) || (CarriesAll(ingress) && CarriesAll(egress)), $"{Convert.ToHexString(frame[..20])} came untagged");
        }
    }

    private static unsafe void Scribble(Random random, FrameBurst burst)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            var head = new Span<byte>((byte*)burst[i].Address, 24);
            random.NextBytes(head[..12]);
            for (int at = 12; at < 24; at += 4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(head[at..], random.Next(3) == 0 ? (ushort)0x0800 : s_tags[random.Next(s_tags.Length)]);
                BinaryPrimitives.WriteUInt16BigEndian(head[(at + 2)..], (ushort)random.Next(0, 5));
            }
        }
    }

    private static unsafe void Overwrite(FrameBurst burst)
    {
        // A guest that makes its untagged frame a tagged one after it was looked at.
        byte* at = (byte*)burst[0].Address;
        BinaryPrimitives.WriteUInt32BigEndian(new Span<byte>(at + 12, 4), 0x8100_0014);
    }

    private static SwitchPortOptions RandomOptions(Random random) => random.Next(5) switch
    {
        0 => Access((ushort)random.Next(0, 4)),
        1 => Trunk(1, 1, 2),
        2 => Trunk(null, 2, 3),
        3 => new SwitchPortOptions(),
        _ => new SwitchPortOptions { NativeVlan = random.Next(3) switch { 0 => null, 1 => 0, _ => 3 } },
    };

    /// <summary>No tag, one or several, of any kind; a sender of its own for each frame, so that it is known again.</summary>
    private static byte[] RandomFrame(Random random, int from, int number)
    {
        int count = random.Next(4);
        (ushort Type, ushort Tci)[] tags = [.. Enumerable.Range(0, count).Select(i =>
            (i == 0 && random.Next(4) != 0 ? (ushort)0x8100 : s_tags[random.Next(s_tags.Length)], (ushort)(random.Next(0, 5) | (random.Next(8) << 13))))];
        return new FrameBuilder { Source = Station(from, number), Destination = Broadcast, Tags = tags, Payload = new byte[10] }.Finished();
    }

    /// <summary>
    /// 802.1Q in a few lines: which VLAN a frame is put into, whether a port belongs to it, and what that port sees; and that no tag but the one that stands for that VLAN is
    /// ever the first where a next switch looks. Null when the port gets nothing.
    /// </summary>
    private static byte[]? Model(SwitchPortOptions ingress, SwitchPortOptions egress, byte[] frame, bool innerIsKnown)
    {
        bool tagged = IsTagged(frame);
        int tci = tagged ? BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(14)) : 0;
        int vlan = tci & 0xfff;
        bool classified = vlan != 0;
        if (!classified)
        {
            vlan = Untagged(ingress);
        }
        else if (ingress.Mode == SwitchVlanMode.Access || !Belongs(ingress, vlan))
        {
            return null;
        }

        byte[] bare = tagged ? [.. frame[..12], .. frame[16..]] : frame;
        bool another = IsTag(TypeAt(bare, 12));
        if (vlan < 0 || !Belongs(egress, vlan) || (another && !classified && (tagged || !CarriesAll(ingress))))
        {
            return null;
        }

        bool untags = Untagged(egress) == vlan;
        if (untags && another && (tagged ? innerIsKnown : !CarriesAll(egress)))
        {
            return null;
        }

        if (untags && classified && !innerIsKnown)
        {
            // Whatever comes to the front there, it is no tag.
            bare = [.. bare[..12], 8, 0, .. bare[14..]];
        }

        int tag = (tci & 0xf000) | vlan;
        return untags ? bare : [.. frame[..12], 0x81, 0, (byte)(tag >> 8), (byte)tag, .. bare[12..]];
    }

    private static ushort TypeAt(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));

    private static bool IsTagged(byte[] frame) => TypeAt(frame, 12) == 0x8100;

    private static bool IsTag(ushort type) => Array.IndexOf(s_tags, type) >= 0;

    private static bool CarriesAll(SwitchPortOptions options) => options is { Mode: SwitchVlanMode.Trunk, AllowedVlans: null };

    private static bool IsPlain(SwitchPortOptions options) => CarriesAll(options) && options.NativeVlan == 0;

    private static int Untagged(SwitchPortOptions options) => options.Mode == SwitchVlanMode.Access ? options.AccessVlan : options.NativeVlan ?? -1;

    private static bool Belongs(SwitchPortOptions options, int vlan) =>
        Untagged(options) == vlan || (vlan != 0 && options.Mode == SwitchVlanMode.Trunk && (options.AllowedVlans?.Contains((ushort)vlan) ?? true));
}
