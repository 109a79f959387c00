using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

/// <summary>The ways of a guest into a VLAN that is not its own: a second tag, and a tag that is written after it was looked at.</summary>
public sealed class SwitchHoppingTests
{
    private const int RacingBursts = 3_000;

    private static readonly ushort[] s_tagTypes = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

    public static TheoryData<ushort, ushort> TypesBehindOwnVlans => [.. s_tagTypes.SelectMany(_ => new ushort[] { 0, 10 }, (type, own) => (type, own))];

    /// <summary>A tag without a VLAN is taken off or replaced, and what stands behind it must not take its place.</summary>
    [Theory]
    [MemberData(nameof(TypesBehindOwnVlans))]
    public void APriorityTagCarriesNoOther(ushort type, ushort own)
    {
        foreach (SwitchPortOptions ingress in (SwitchPortOptions[])[Access(own), Trunk(own, own), new() { NativeVlan = own }])
        {
            using var net = new SwitchFixture(0);
            net.Join(ingress);
            net.Join(new SwitchPortOptions());
            net.Join(new SwitchPortOptions { NativeVlan = 10 });
            net.Join(Access(own));
            net.Send(0, Stacked((0x8100, 0xe000), (type, 20)));
            Assert.Empty(net.Receivers());
            Assert.Equal(1, net.Drops(0, DropReason.VlanTag));
        }
    }

    /// <summary>A tag of another kind is no tag here and one elsewhere, so a port that belongs to some VLANs doesn't send it.</summary>
    [Theory]
    [InlineData(0x88a8)]
    [InlineData(0x9100)]
    [InlineData(0x9200)]
    [InlineData(0x9300)]
    public void APortOfSomeVlansSendsNoForeignTag(ushort type)
    {
        using var net = new SwitchFixture(2);
        net.Join(Access(0));
        net.Join(Trunk(0, 0, 10));
        byte[] foreign = Stacked((type, 20));
        net.Send(2, foreign);
        net.Send(3, foreign);
        Assert.Empty(net.Receivers());
        Assert.Equal((1, 1), (net.Drops(2, DropReason.VlanTag), net.Drops(3, DropReason.VlanTag)));

        // Ports that carry all VLANs pass it on between them, and to nobody else.
        net.Send(0, foreign);
        Assert.Equal([foreign], net[1].Take());
        Assert.Empty(net.Receivers());
        Assert.Equal(2, net.Drops(0, DropReason.VlanTag));
    }

    [Theory]
    [InlineData(0x8100)]
    [InlineData(0x88a8)]
    [InlineData(0x9100)]
    public void ATagThatIsTakenOffUncoversNoOther(ushort type)
    {
        using var net = new SwitchFixture(1);
        net.Join(new SwitchPortOptions { NativeVlan = 10 });
        net.Join(Access(10));
        net.Join(Trunk(null, 10));
        byte[] stacked = Stacked((0x8100, 10), (type, 20));
        net.Send(0, stacked);

        // Behind its own tag the other one is data, which the next switch does not go by.
        Assert.Equal([stacked], net[3].Take());
        Assert.Empty(net.Receivers());
        Assert.Equal(2, net.Drops(0, DropReason.VlanTag));
    }

    /// <summary>The first receiver plays the guest that writes into its memory; frames for it and for those after it leave as they were judged.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(10)]
    public void WhatIsWrittenAfterTheLookDoesNotLeave(int tag)
    {
        foreach (SwitchPortOptions ingress in (SwitchPortOptions[])[Access(10), Trunk(10, 10), Trunk(10, 10, 11), new() { NativeVlan = 10 }])
        {
            using var net = new SwitchFixture(0);
            net.Join(ingress);
            net.Join(Access(10));
            net.Join(new SwitchPortOptions());
            net.Join(Trunk(null, 10));
            net.Join(new SwitchPortOptions { NativeVlan = 10 });
            if (tag == 10 && ingress.Mode == SwitchVlanMode.Access)
            {
                continue;
            }

            byte[] frame = Frame(Station(0), Broadcast, tag, "x"), bare = Frame(Station(0), Broadcast, payload: "x"), tagged = Frame(Station(0), Broadcast, 10, "x");
            net.Memory.Add(default, frame);
            net[1].Delivering = () => Overwrite(net.Memory.Burst, [.. Station(7), .. Station(8), 0x81, 0, 0, 20]);
            net[0].Send(net.Memory.Burst);
            AssertHead(bare, 14, net[1].Take());
            AssertHead(tagged, tag < 0 ? 18 : 16, net[2].Take());
            AssertHead(tagged, tag < 0 ? 18 : 16, net[3].Take());
            AssertHead(bare, tag < 0 ? 14 : 12, net[4].Take());
        }
    }

    /// <summary>What is behind a tag is read when the frame is made, and then once: a sender that writes a tag there loses the frame.</summary>
    [Fact]
    public void ATagThatIsWrittenBehindATagIsSeen()
    {
        using var net = new SwitchFixture(0);
        net.Join(Trunk(10, 10, 20));
        net.Join(Access(10));
        net.Join(Access(10));
        net.Memory.Add(default, Frame(Station(0), Broadcast, 10, "x"));
        net.Switch.Judged = burst => Overwrite(burst, [.. Broadcast, .. Station(0), 0x81, 0, 0, 10, 0x81, 0, 0, 20]);
        net[0].Send(net.Memory.Burst);
        Assert.Empty(net.Receivers());
        Assert.Equal(2, net.Drops(0, DropReason.VlanTag));
    }

    /// <summary>Frames to the bridge group are never forwarded, whatever the port: what leaves to other machines begins as it was judged.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void NothingForBridgesLeavesByWriting(bool one)
    {
        using var net = new SwitchFixture(1);
        using var uplink = new FakePort("uplink") { IsGuest = false };
        net.Switch.Attach(uplink);
        uplink.Send(Burst(net, Frame(Station(9), Broadcast)));
        net.Receivers();
        for (int i = 0; i < 3; i++)
        {
            _ = Burst(net, Frame(Station(0), Station(9), payload: "x"), Frame(Station(0), one ? Station(9) : Broadcast, payload: "y"));
            uplink.Delivering = () => Overwrite(net.Memory.Burst, [1, 0x80, 0xc2, 0, 0, 0]);
            Assert.Equal(2, net[0].Send(net.Memory.Burst));
            Assert.Equal(2, uplink.Frames.Count);
            Assert.All(uplink.Take(), f => Assert.NotEqual(1, f[0]));
        }

        net.Switch.Detach(uplink);
    }

    /// <summary>Frames shorter than an Ethernet header with its tag can't be given one, and don't leave without it.</summary>
    [Fact]
    public void AShortFrameIsNoWayAroundATag()
    {
        using var net = new SwitchFixture(0);
        net.Join(Access(10));
        net.Join(new SwitchPortOptions());
        byte[] frame = Frame(Station(0), Broadcast);
        for (int length = 14; length < 19; length++)
        {
            net.Send(0, frame[..length]);
            Assert.Equal([[.. frame[..12], 0x81, 0, 0, 10, .. frame[12..length]]], net[1].Take());
            net.Send(0, [.. frame[..12], 0x81, 0, 0, 0, 8, 0, .. new byte[length - 14]]);
            Assert.Single(net[1].Take());
            net.Send(0, ((byte[])[.. frame[..12], 0x81, 0, 0x20, 0])[..Math.Min(length, 16)]);
            Assert.Empty(net[1].Take());
        }

        Assert.Equal(5, net.Drops(0, DropReason.TooShort));
    }

    /// <summary>The same with a thread that really writes while the switch works: a guest of VLAN 10 that turns its tag into 20 and back.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(-1)]
    public void AThreadThatRewritesGetsNothingOut(int tag)
    {
        using var net = new SwitchFixture(0);
        net.Join(tag < 0 ? Access(10) : Trunk(null, 10));
        FakePort uplink = net.Join(new SwitchPortOptions());
        for (int i = 0; i < FrameBurst.FramesMax; i++)
        {
            net.Memory.Add(default, Frame(Station(0), Broadcast, tag, "x"));
        }

        var started = new ManualResetEventSlim();
        bool stop = false;
        var writer = new Thread(() =>
        {
            started.Set();
            while (!Volatile.Read(ref stop))
            {
                Flip(net.Memory.Burst, tag);
            }
        });
        writer.Start();
        started.Wait();
        int left = 0;
        var others = new List<byte[]>();
        for (int burst = 0; burst < RacingBursts; burst++)
        {
            Assert.Equal(FrameBurst.FramesMax, net[0].Send(net.Memory.Burst));
            foreach (byte[] frame in uplink.Take())
            {
                left++;
                if (BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(12)) != 0x8100_000a)
                {
                    others.Add(frame);
                }
            }
        }

        Volatile.Write(ref stop, true);
        writer.Join();
        Assert.True(left > RacingBursts, $"only {left} frames left");
        Assert.True(others.Count == 0, $"{others.Count} of {left} frames got out with another VLAN");
    }

    private static SwitchPortOptions Access(ushort vlan) => new() { Mode = SwitchVlanMode.Access, AccessVlan = vlan };

    private static SwitchPortOptions Trunk(ushort? native, params ushort[] vlans) => new() { NativeVlan = native, AllowedVlans = vlans };

    private static byte[] Stacked(params (ushort Type, ushort Tci)[] tags) =>
        new FrameBuilder { Source = Station(0), Destination = Broadcast, Tags = tags, Payload = new byte[20] }.Finished();

    private static FrameBurst Burst(SwitchFixture net, params byte[][] frames)
    {
        net.Memory.Clear();
        Array.ForEach(frames, f => net.Memory.Add(default, f));
        return net.Memory.Burst;
    }

    private static void AssertHead(byte[] expected, int length, IReadOnlyList<byte[]> frames) =>
        Assert.Equal(Convert.ToHexString(expected[..length]), Convert.ToHexString(Assert.Single(frames)[..length]));

    private static unsafe void Overwrite(FrameBurst burst, byte[] bytes)
    {
        for (int i = 0; i < burst.Count; i++)
        {
            bytes.CopyTo(new Span<byte>((byte*)burst[i].Address, bytes.Length));
        }
    }

    /// <summary>Writes VLAN 20 into every frame and then what stood there.</summary>
    private static unsafe void Flip(FrameBurst burst, int tag)
    {
        foreach (uint word in (uint[])[0x8100_0014, tag < 0 ? 0x0800_4500 : 0x8100_0000 | (uint)tag])
        {
            for (int i = 0; i < burst.Count; i++)
            {
                Volatile.Write(ref *(uint*)(burst[i].Address + 12), BinaryPrimitives.ReverseEndianness(word));
            }
        }
    }
}
