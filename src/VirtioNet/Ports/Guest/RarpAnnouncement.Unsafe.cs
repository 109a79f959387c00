using System.Buffers.Binary;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>The frame that tells switches where a MAC address is now: a broadcast reverse ARP request (RFC 903), as SEND_RARP asks for.</summary>
internal static unsafe class RarpAnnouncement
{
    /// <summary>Shortest Ethernet frame without its checksum (IEEE 802.3).</summary>
    private const int FrameSize = 60;

    /// <summary>Builds a frame for each address and hands them on as one burst. Rare, so it allocates what it needs.</summary>
    /// <param name="macAddresses">Addresses in the first six bytes, little-endian; at most <see cref="RarpAnnouncements.WaitingMax"/>.</param>
    /// <param name="send">Takes the burst.</param>
    // SAFETY: the frames lie on this stack, which outlives the call that the burst is handed to; the number of addresses is checked against the block's size.
    public static void Send(ReadOnlySpan<ulong> macAddresses, Action<FrameBurst> send)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(macAddresses.Length, RarpAnnouncements.WaitingMax, nameof(macAddresses));
        byte* frames = stackalloc byte[RarpAnnouncements.WaitingMax * FrameSize];
        using var burst = new FrameBurst();
        for (int i = 0; i < macAddresses.Length; i++)
        {
            byte* frame = frames + (i * FrameSize);
            Write(new Span<byte>(frame, FrameSize), macAddresses[i]);
            burst.TryAdd(new VirtioNetHeader { NumBuffers = 1 }, (nint)frame, FrameSize);
        }

        send(burst);
    }

    private static void Write(Span<byte> frame, ulong macAddress)
    {
        Span<byte> mac = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(mac, macAddress);
        mac = mac[..6];
        frame.Clear();
        frame[..6].Fill(0xff);
        mac.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x8035);
        BinaryPrimitives.WriteUInt16BigEndian(frame[14..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(frame[16..], 0x0800);
        frame[18] = 6;
        frame[19] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(frame[20..], 3);
        mac.CopyTo(frame[22..]);
        mac.CopyTo(frame[32..]);
    }
}
