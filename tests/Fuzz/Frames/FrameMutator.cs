using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>Changes a good frame or its virtio_net_hdr until they contradict each other, or nearly.</summary>
internal static class FrameMutator
{
    /// <summary>Where headers lie; what follows says nothing to anybody.</summary>
    private const int HeadersMax = 160;

    private const int FrameMax = 65535 + 256;

    public static void Mutate(Random random, FrameBuilder template, ref VirtioNetHeader header, ref byte[] frame)
    {
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            switch (random.Next(9))
            {
                case 8:
                    MoveChecksum(random, ref header, ref frame);
                    break;
                case < 3:
                    MutateHeader(random, template, ref header, frame.Length);
                    break;
                case 3:
                    for (int j = random.Next(1, 20); j > 0 && frame.Length > 0; j--)
                    {
                        frame[random.Next(Math.Min(frame.Length, HeadersMax))] = (byte)random.Any();
                    }

                    break;
                case 4:
                    MutateField(random, template, frame);
                    break;
                case 5:
                    frame = frame[..random.Next(random.OneIn(2) ? frame.Length + 1 : Math.Min(frame.Length, HeadersMax) + 1)];
                    break;
                case 6:
                    int length = random.OneIn(3) ? FrameMax + random.Next(-20, 20) : Math.Min(FrameMax, frame.Length + random.Next(3000));
                    frame = [.. frame, .. Playground.Noise[..Math.Max(0, length - frame.Length)]];
                    break;
                default:
                    Playground.Noise.Slice(random.Next(10_000), Math.Min(frame.Length, random.Next(HeadersMax))).CopyTo(frame);
                    break;
            }
        }
    }

    /// <summary>A partial checksum as far to the front or to the back as can be: where a tag that comes or goes moves it over the limit.</summary>
    private static void MoveChecksum(Random random, ref VirtioNetHeader header, ref byte[] frame)
    {
        header.Flags = VirtioNetHeader.F_NEEDS_CSUM;
        header.GsoType = VirtioNetHeader.GSO_NONE;
        header.HdrLen = 0;
        if (random.OneIn(2))
        {
            header.CsumStart = (ushort)random.Next(33, 40);
            header.CsumOffset = (ushort)random.Next(20);
            return;
        }

        frame = [.. frame, .. Playground.Noise[..Math.Max(0, FrameMax - random.Next(400) - frame.Length)]];
        header.CsumStart = (ushort)(random.OneIn(2) ? random.Next(65525, 65536) : random.Next(34, 65500));
        header.CsumOffset = (ushort)Math.Max(0, 65533 - header.CsumStart - random.Next(6));
    }

    /// <summary>One field of virtio_net_hdr: at a limit, near what is right, or anything.</summary>
    private static void MutateHeader(Random random, FrameBuilder template, ref VirtioNetHeader header, int length)
    {
        switch (random.Next(6))
        {
            case 0:
                header.Flags = random.Pick<byte>(0, 1, 1, 2, 3, 4, 5, 255);
                break;
            case 1:
                header.GsoType = random.Pick<byte>(0, 1, 1, 3, 4, 4, 5, 5, 6, 0x80, 0x81, 0x84, 0x85, (byte)random.Any());
                break;
            case 2:
                header.GsoSize = random.Pick<ushort>(
                    0, 1, 2, 100, 1460, (ushort)template.Payload.Length, (ushort)(template.Payload.Length / 512), 65535, (ushort)random.Any());
                break;
            case 3:
                header.HdrLen = random.Pick<ushort>(0, 1, 12, (ushort)template.PayloadOffset, (ushort)(length - 1), (ushort)length, (ushort)(length + 1), 65535, (ushort)random.Any());
                break;
            case 4:
                header.CsumStart = Place(random, template.TransportOffset, length);
                break;
            default:
                header.CsumOffset = Place(random, random.OneIn(2) ? template.ChecksumOffset : 65533 - header.CsumStart, length - header.CsumStart);
                break;
        }
    }

    private static ushort Place(Random random, int right, int end) => (ushort)(random.Next(8) switch
    {
        0 => random.Pick(0, 1, 13, 14, 33, 34, 35, 38),
        1 => random.Pick(65535, 65534, 65533, 65532, 65529, 65500),
        2 => end - random.Next(5),
        3 => (int)random.Any(),
        4 => random.Next(Math.Max(1, end)),
        _ => right + random.Next(-4, 5),
    });

    /// <summary>A field that says where others lie.</summary>
    private static void MutateField(Random random, FrameBuilder template, byte[] frame)
    {
        int network = template.NetworkOffset;
        int at = random.Next(7) switch
        {
            0 => 12,
            1 => network - 2,
            2 => network,
            3 => network + random.Next(2, 8),
            4 => template.IPv6 ? network + 6 : network + 9,
            5 => template.IPv6 ? network + random.Next(40, 42) : network + 6,
            _ => template.TransportOffset + 12,
        };
        if (at + 2 > frame.Length)
        {
            return;
        }

        switch (random.Next(3))
        {
            case 0:
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), random.Pick<ushort>(0, 0x0800, 0x86dd, 0x8100, 0x88a8, 0xffff, (ushort)frame.Length));
                break;
            case 1:
                frame[at] = random.Pick<byte>(0, 6, 17, 43, 44, 51, 58, 60, 0x40, 0x44, 0x45, 0x4f, 0x60, 0x50, 0xf0, 255);
                break;
            default:
                frame[at] = (byte)random.Any();
                break;
        }
    }
}
