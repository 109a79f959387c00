using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.RateLimits;
using VhostNet.VirtioNet.Tests.Ports;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// Frames that the kernel reads into a guest's buffers and frames that are copied there: one table of cases for both ways, and the same end of each. A limit that nothing reaches makes a wire copy.
/// </summary>
public sealed class DirectReadTests : IDisposable
{
    private const ulong Modern = VirtioFeatures.VERSION_1;
    private const ulong Mergeable = Modern | VirtioNetFeatures.MRG_RXBUF;
    private const ulong Checksums = Modern | VirtioNetFeatures.GUEST_CSUM;
    private const ulong Segments = Checksums | VirtioNetFeatures.GUEST_TSO4 | VirtioNetFeatures.GUEST_TSO6;
    private const byte Partial = VirtioNetHeader.F_NEEDS_CSUM;
    private const byte Valid = VirtioNetHeader.F_DATA_VALID;

    private static readonly FrameBuilder s_tcp = new() { Tcp = true, Payload = Craft.Pattern(5000), Identification = 7 };
    private static readonly FrameBuilder s_udp = new() { Payload = Craft.Pattern(900) };
    private static readonly Dictionary<string, ReceiveCase> s_cases = Cases();

    private readonly TestLoop _loop = new();

    public static TheoryData<string, bool> BothWays
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (string name in s_cases.Keys)
            {
                data.Add(name, true);
                data.Add(name, false);
            }

            return data;
        }
    }

    public void Dispose() => _loop.Dispose();

    /// <summary>Each case between two plain frames, which must arrive, before and after.</summary>
    [Theory]
    [MemberData(nameof(BothWays))]
    public void AFrameEndsTheSameWhicheverWayItGoes(string name, bool direct)
    {
        ReceiveCase given = s_cases[name];
        byte[] plain = Craft.Pattern(60);
        using var guest = new ReceivingGuest(given.Features, given.BufferSize, given.Descriptors, given.RingSize);
        using DatagramTap tap = Join(guest, direct);
        tap.Start();
        guest.Offer();
        Assert.Equal([plain], Pass(tap, guest, default, plain, 1));
        Assert.Equal(direct ? 1 : 0, tap.ReadDirectly);

        guest.Offer();
        int outcomes = given.Drop is null ? given.Expected.Count : 1;
        List<byte[]> got = Pass(tap, guest, given.Header, given.Frame, outcomes, given.Flags, given.GsoType);
        Assert.Equal(given.Expected.Count, got.Count);
        Assert.All(got.Zip(given.Expected), p => Assert.Equal(p.Second, p.First));
        Assert.Equal(direct && given.IsDirect ? 2 : direct ? 1 : 0, tap.ReadDirectly);
        for (int reason = 0; reason < DropCounters.Length; reason++)
        {
            Assert.Equal(given.Drop == (DropReason)reason ? 1 : 0, Drops(tap, guest)[reason]);
        }

        guest.Offer();
        Assert.Equal([plain], Pass(tap, guest, default, plain, 1));
    }

    /// <summary>Frames of all kinds behind each other keep their order, and come out as the other way lets them out.</summary>
    [Theory]
    [InlineData(Modern, 2048)]
    [InlineData(Mergeable, 256)]
    [InlineData(Checksums, 1000)]
    [InlineData(Segments, 1500)]
    public void BothWaysGiveAGuestTheSameFramesInTheSameOrder(ulong features, int bufferSize)
    {
        var random = new RandomFrames(5);
        var sent = new List<(VirtioNetHeader Header, byte[] Frame)>();
        for (int i = 0; i < 300; i++)
        {
            FrameBuilder frame = random.Frame(random.Next(1, 4000));
            sent.Add(random.Next(0, 3) switch
            {
                0 => (new VirtioNetHeader { Flags = Valid }, frame.Finished()),
                1 => (frame.Header(), frame.Partial()),
                _ => (frame.Header(gsoSize: 700), frame.Partial()),
            });
        }

        (List<byte[]> Frames, long[] Drops) first = Run(features, bufferSize, sent, direct: true);
        (List<byte[]> Frames, long[] Drops) second = Run(features, bufferSize, sent, direct: false);
        Assert.Equal(first.Drops, second.Drops);
        Assert.Equal(first.Frames.Count, second.Frames.Count);
        Assert.All(first.Frames.Zip(second.Frames), p => Assert.Equal(p.Second, p.First));
    }

    private static Dictionary<string, ReceiveCase> Cases()
    {
        byte[] thousand = Craft.Pattern(1000);
        byte[] long4000 = Craft.Pattern(4000);
        byte[] finished = s_udp.Finished();
        VirtioNetHeader tso = s_tcp.Header(gsoSize: 1000);
        var valid = new VirtioNetHeader { Flags = Valid };
        return new(StringComparer.Ordinal)
        {
            ["fits with room"] = new(Modern, 2048, default, thousand) { Expected = [thousand], IsDirect = true },
            ["fits exactly"] = new(Modern, 1012, default, thousand) { Expected = [thousand], IsDirect = true },
            ["one byte too long"] = new(Modern, 1011, default, thousand) { Drop = DropReason.TooLong },
            ["one byte too long for two descriptors"] = new(Modern, 1010, default, thousand) { Descriptors = 2, Drop = DropReason.TooLong },
            ["far too long"] = new(Modern, 2048, default, Craft.Pattern(60_000)) { Drop = DropReason.TooLong },
            ["longer than any frame"] = new(Modern, 2048, default, Craft.Pattern(66_000)) { Drop = DropReason.TooLong },
            ["too long for a legacy guest"] = new(0, 1009, default, thousand) { Drop = DropReason.TooLong },
            ["longer than was expected"] = new(Mergeable, 256, default, long4000) { Expected = [long4000] },
            ["longer than all buffers"] = new(Mergeable, 512, default, long4000) { RingSize = 4, Drop = DropReason.TooLong },
            ["verified, to a guest without checksums"] = new(Modern, 2048, valid, thousand) { Expected = [thousand], IsDirect = true },
            ["verified, in pieces"] = new(Modern, 2048, valid, thousand) { Descriptors = 2, Expected = [thousand], IsDirect = true },
            ["verified, merged"] = new(Mergeable, 600, valid, thousand) { Expected = [thousand], IsDirect = true },
            ["verified, to a guest with checksums"] = new(Checksums, 2048, valid, thousand) { Expected = [thousand], Flags = Valid, IsDirect = true },
            ["unknown flags"] = new(Checksums, 2048, new VirtioNetHeader { Flags = 0xf8 | Valid }, thousand) { Expected = [thousand], Flags = Valid, IsDirect = true },
            ["checksum not taken"] = new(Modern, 2048, s_udp.Header(), s_udp.Partial()) { Expected = [finished] },
            ["checksum not taken, merged"] = new(Mergeable, 256, s_udp.Header(), s_udp.Partial()) { Expected = [finished] },
            ["checksum taken"] = new(Checksums, 2048, s_udp.Header(), s_udp.Partial()) { Expected = [s_udp.Partial()], Flags = Partial, IsDirect = true },
            ["checksum outside"] = new(Modern, 2048, new VirtioNetHeader { Flags = Partial, CsumStart = 60_000, CsumOffset = 6 }, thousand) { Drop = DropReason.BadHeader },
            ["segments not taken"] = new(Modern, 2048, tso, s_tcp.Partial()) { Expected = SlowOffload.Segment(s_tcp, 1000) },
            ["segments taken"] = new(Segments, 8000, tso, s_tcp.Partial()) { Expected = [s_tcp.Partial()], Flags = Partial, GsoType = VirtioNetHeader.GSO_TCPV4, IsDirect = true },
            ["segments taken and too long"] = new(Segments, 4000, tso, s_tcp.Partial()) { Drop = DropReason.TooLong },
            ["kind of segments unknown"] = new(Segments, 8000, new VirtioNetHeader { Flags = Partial, GsoType = 77, GsoSize = 9 }, thousand) { Drop = DropReason.BadHeader },
        };
    }

    private (List<byte[]> Frames, long[] Drops) Run(ulong features, int bufferSize, List<(VirtioNetHeader Header, byte[] Frame)> sent, bool direct)
    {
        using var guest = new ReceivingGuest(features, bufferSize);
        using DatagramTap tap = Join(guest, direct);
        tap.Start();
        var frames = new List<byte[]>();
        foreach ((VirtioNetHeader header, byte[] frame) in sent)
        {
            _loop.Until(() => Turn(guest, frames) && tap.TrySend(header, frame), "there is room for a frame");
        }

        // The socket keeps the order, so that this one is the last.
        byte[] last = Craft.Pattern(33);
        _loop.Until(() => Turn(guest, frames) && tap.TrySend(default, last), "there is room for the last");
        _loop.Until(() => Turn(guest, frames) && frames.Count > 0 && frames[^1].AsSpan()[VirtioNetHeader.Size..].SequenceEqual(last), "the last arrives");
        return (frames, Drops(tap, guest));
    }

    private static bool Turn(ReceivingGuest guest, List<byte[]> frames)
    {
        frames.AddRange(guest.TakeAny());
        guest.Offer();
        return true;
    }

    private static DatagramTap JoinedTap(ReceivingGuest guest, DatagramTap tap)
    {
        var wire = new WireNetwork("wire");
        wire.Attach(guest.Port);
        wire.Attach(tap);
        return tap;
    }

    private static long[] Drops(DatagramTap tap, ReceivingGuest guest)
    {
        tap.ReadCounters(out FrameCounters received, out _);
        guest.Port.ReadCounters(out _, out FrameCounters sent);
        received.Add(sent);
        return [.. Enumerable.Range(0, DropCounters.Length).Select(i => received.Drops[i])];
    }

    private DatagramTap Join(ReceivingGuest guest, bool direct)
    {
        DatagramTap tap = JoinedTap(guest, new DatagramTap(_loop.Context, frameSizeMax: 1518));
        if (!direct)
        {
            tap.SetLimits(new RateLimiter(new RateLimit { FramesPerSecond = 1_000_000_000 }), null);
        }

        return tap;
    }

    private List<byte[]> Pass(DatagramTap tap, ReceivingGuest guest, VirtioNetHeader header, byte[] frame, int outcomes, byte flags = 0, byte gsoType = 0)
    {
        long before = Done(tap, guest);
        Assert.True(tap.TrySend(header, frame));
        _loop.Until(() => Done(tap, guest) >= before + outcomes, "the frame has met its end");
        return guest.Take(flags, gsoType);
    }

    private static long Done(DatagramTap tap, ReceivingGuest guest) => Volatile.Read(ref guest.Counters.Frames) + Drops(tap, guest).Sum();
}
