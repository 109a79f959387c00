using System.Buffers.Binary;

namespace VhostNet.Latency;

/// <summary>Frames for a tap: virtio_net_hdr and Ethernet frame in one.</summary>
internal static class TapFrame
{
    /// <summary>VIRTIO_NET_F_CSUM, GUEST_CSUM, GUEST_TSO4 and HOST_TSO4 (virtio 1.3 section 5.1.3).</summary>
    public const ulong OffloadFeatures = 1UL << 0 | 1UL << 1 | 1UL << 7 | 1UL << 11;

    private const int Header = FrontendGuest.HeaderSize;
    private const int Ip = Header + 14;
    private const int Tcp = Ip + 20;
    private const int Payload = Tcp + 20;
    private const ushort SegmentSize = 1448;

    /// <summary>A frame of an experimental type (IEEE 802 local experimental ethertype), which a host's stack drops where it arrives.</summary>
    public static byte[] Small(int size)
    {
        byte[] frame = new byte[Header + size];
        Ethernet(frame, 0x88b5);
        return frame;
    }

    /// <summary>A TCP frame of 64 KiB that is to be segmented, from and to nobody, as a sender's stack hands it to its card.</summary>
    public static byte[] Large()
    {
        byte[] frame = new byte[Payload + (45 * SegmentSize)];
        Ethernet(frame, 0x0800);

        // virtio_net_hdr: NEEDS_CSUM, GSO_TCPV4, hdr_len, gso_size, csum_start, csum_offset.
        frame[0] = 1;
        frame[1] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(2), Payload - Header);
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(4), SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(6), Tcp - Header);
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(8), 16);
        frame[Ip] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(Ip + 2), (ushort)(frame.Length - Ip));
        frame[Ip + 8] = 64;
        frame[Ip + 9] = 6;
        frame[Tcp + 12] = 0x50;
        frame[Tcp + 13] = 0x10;
        return frame;
    }

    private static void Ethernet(byte[] frame, ushort type)
    {
        // Locally administered addresses that no interface has.
        frame[Header] = 2;
        frame[Header + 5] = 1;
        frame[Header + 6] = 2;
        frame[Header + 11] = 2;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(Ip - 2), type);
    }
}
