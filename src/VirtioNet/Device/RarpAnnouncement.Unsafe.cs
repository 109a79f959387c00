using System.Buffers.Binary;
using VhostNet.VirtioNet.Datapath;

namespace VhostNet.VirtioNet.Device;

/// <summary>The frame that tells switches where a MAC address is now: a broadcast reverse ARP request (RFC 903), as SEND_RARP asks for.</summary>
internal static unsafe class RarpAnnouncement
{
    /// <summary>Shortest Ethernet frame without its checksum (IEEE 802.3).</summary>
    private const int FrameSize = 60;

    /// <summary>Builds the frame and hands it on as a burst of one. Rare, so it allocates what it needs.</summary>
    // SAFETY: the frame lies on this stack, which outlives the call that the burst is handed to.
    public static void Send(ulong macAddress, Action<FrameBurst> send)
    {
        Span<byte> mac = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(mac, macAddress);
        mac = mac[..6];
        byte* frame = stackalloc byte[FrameSize];
        var bytes = new Span<byte>(frame, FrameSize);
        bytes.Clear();
        bytes[..6].Fill(0xff);
        mac.CopyTo(bytes[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[12..], 0x8035);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[16..], 0x0800);
        bytes[18] = 6;
        bytes[19] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[20..], 3);
        mac.CopyTo(bytes[22..]);
        mac.CopyTo(bytes[32..]);
        using var burst = new FrameBurst();
        burst.TryAdd(new VirtioNetHeader { NumBuffers = 1 }, (nint)frame, FrameSize);
        send(burst);
    }
}
