using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>Makes what an attacker sends: good frames of every kind, and such that were good before something was changed.</summary>
/// <param name="random">Decides.</param>
/// <param name="register">Where good frames are noted.</param>
/// <param name="sender">Who sends them: its virtio_net_hdr has a size and a byte order.</param>
/// <param name="segments">Whether frames may ask for segmentation.</param>
/// <param name="mayVerify">False when others change the frames, so that even a good one may arrive as anything.</param>
internal sealed class FrameGenerator(Random random, FrameRegister register, FrameGuest sender, bool segments, bool mayVerify = true)
{
    private const int PayloadMax = 65_000;

    private static readonly byte[] s_tcpFlags = [0x10, 0x18, 0x11, 0x90, 0x99, 0x02];

    /// <summary>The next frame with its virtio_net_hdr.</summary>
    public OfferedFrame Next() => random.OneIn(2) ? Good(random.Pick(FrameAddresses.First, FrameAddresses.Second, FrameAddresses.Everybody), AnyTags(), AnySize()) : Bad();

    /// <summary>A frame that has to arrive as it should, if it arrives.</summary>
    /// <param name="destination">Whom it is for.</param>
    /// <param name="tags">Its VLAN tags.</param>
    /// <param name="payload">Bytes of its payload.</param>
    /// <param name="source">Whom it is from.</param>
    public OfferedFrame Good(byte[] destination, (ushort Type, ushort Tci)[] tags, int payload, byte[]? source = null)
    {
        FrameBuilder template = Template(payload) with { Destination = destination, Source = source ?? FrameAddresses.Attacker, Tags = tags };
        SentFrame frame = mayVerify ? register.Add(id => Make(FrameRegister.Mark(template, id))) : Make(template);
        return Offer(frame.Header, frame.Bytes, good: true);
    }

    private SentFrame Make(FrameBuilder template)
    {
        switch (random.Next(segments ? 3 : 2))
        {
            case 0:
                return new SentFrame(template, new VirtioNetHeader { HdrLen = (ushort)random.Next(100) }, template.Finished());
            case 1:
                return new SentFrame(template, template.Header(), template.Partial());
            default:
                return new SentFrame(template, template.Header(SegmentSize(template.Payload.Length), template.Tcp && (template.TcpFlags & 0x80) != 0), template.Partial());
        }
    }

    private OfferedFrame Bad()
    {
        FrameBuilder template = Template(AnySize()) with
        {
            Destination = random.Pick(FrameAddresses.All),
            Source = random.OneIn(2) ? FrameAddresses.Attacker : random.Pick(FrameAddresses.All),
            Tags = AnyTags(),
        };
        VirtioNetHeader header = random.Next(4) switch
        {
            0 => default,
            1 => template.Header(),
            _ => template.Header((ushort)random.Next(1, 3000)),
        };
        byte[] frame = random.OneIn(3) ? template.Finished() : template.Partial();
        FrameMutator.Mutate(random, template, ref header, ref frame);
        if (!segments)
        {
            header.GsoType = VirtioNetHeader.GSO_NONE;
        }

        OfferedFrame offered = Offer(header, frame, good: false);
        return random.OneIn(40) ? offered with { Bytes = offered.Bytes[..random.Next(1, Math.Min(offered.Bytes.Length, 40) + 1)] } : offered;
    }

    private OfferedFrame Offer(VirtioNetHeader header, byte[] frame, bool good)
    {
        return new OfferedFrame([.. HeaderBytes.Write(header, sender.HeaderSize, sender.SwapBytes), .. frame], good);
    }

    private FrameBuilder Template(int payload)
    {
        bool ipv6 = random.OneIn(2);
        return new FrameBuilder
        {
            IPv6 = ipv6,
            Tcp = random.OneIn(2),
            Options = random.OneIn(3) ? random.Next(ipv6 ? 5 : 11) : 0,
            TcpOptions = random.Next(11),
            TcpFlags = random.Pick<byte>(s_tcpFlags),
            Sequence = (uint)random.Next(),
            Identification = (ushort)random.Next(65536),
            SourceAddress = ipv6 ? [.. Enumerable.Repeat((byte)0x20, 16)] : [10, 1, 0, 1],
            DestinationAddress = ipv6 ? [.. Enumerable.Repeat((byte)0x21, 16)] : [10, 1, 0, 2],
            Payload = Playground.Noise.Slice(random.Next(Playground.Noise.Length - payload), payload).ToArray(),
        };
    }

    /// <summary>Segments of a usual or an odd size, no more of them than are allowed.</summary>
    private ushort SegmentSize(int payload)
    {
        int size = random.Next(4) switch { 0 => 1460, 1 => random.Next(100, 3000), 2 => random.Next(1, 200), _ => payload };
        return (ushort)Math.Clamp(size, 1 + (payload / 400), ushort.MaxValue);
    }

    private int AnySize() => random.Next(32) switch
    {
        0 => 0,
        < 18 => random.Next(200),
        < 26 => random.Next(1600),
        < 30 => random.Next(9000),
        _ => random.Next(PayloadMax),
    };

    private (ushort Type, ushort Tci)[] AnyTags() => [.. Enumerable.Range(0, random.OneIn(2) ? 0 : random.Next(3)).Select(_ => AnyTag())];

    private (ushort Type, ushort Tci) AnyTag() => (random.Pick<ushort>(0x8100, 0x8100, 0x88a8), (ushort)(random.Pick(FrameVlans.All) | (random.OneIn(3) ? 0x6000 : 0)));
}
