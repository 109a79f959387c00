using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.InProcess;

/// <summary>What the bench's frames hold.</summary>
internal static class Frames
{
    public const ulong Broadcast = 0xffff_ffff_ffff;

    /// <summary>Payload of each segment that a large frame is cut into.</summary>
    public const ushort SegmentSize = 1448;

    private const int IpAt = BenchGuest.HeaderSize + 14;
    private const int TcpAt = IpAt + 20;
    private const int PayloadAt = TcpAt + 20;

    /// <summary>An address of a port: locally administered, the port's number and the address's number in its last bytes.</summary>
    public static ulong Address(int port, int number) => 0x0200_0000_0000UL | ((ulong)port << 16) | (uint)number;

    /// <summary>A frame from address 0 of port 0 to address 0 of port 1.</summary>
    public static void Plain(int number, Span<byte> frame) => Write(frame, Address(0, 0), Address(1, 0));

    /// <summary>A frame to everybody.</summary>
    public static void ToAll(int number, Span<byte> frame) => Write(frame, Address(0, 0), Broadcast);

    /// <summary>Frames to all addresses of all other ports, in a shuffled order.</summary>
    public static Action<int, Span<byte>> Scattered(int ports, int macsPerPort)
    {
        var random = new Random(1);
        return (number, frame) => Write(
            frame, Address(0, random.Next(macsPerPort)), Address(1 + random.Next(ports - 1), random.Next(macsPerPort)));
    }

    /// <summary>Frames to one port after the other, so many in succession.</summary>
    public static Action<int, Span<byte>> ByTurns(int run) => (number, frame) => Write(frame, Address(0, 0), Address(1 + (number / run), 0));

    /// <summary>Frames to the addresses of the port after the sender's, in a shuffled order.</summary>
    public static Action<int, Span<byte>> ToOnePort(int macsPerPort)
    {
        var random = new Random(1);
        return (number, frame) => Write(frame, Address(0, random.Next(macsPerPort)), Address(1, random.Next(macsPerPort)));
    }

    /// <summary>A TCP frame over IPv4 with a partial checksum, to be cut into segments if it is longer than one.</summary>
    public static void Tcp(int number, Span<byte> frame)
    {
        Plain(number, frame);
        bool segmented = frame.Length - PayloadAt > SegmentSize;
        var header = new VirtioNetHeader
        {
            Flags = VirtioNetHeader.F_NEEDS_CSUM,
            GsoType = segmented ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_NONE,
            GsoSize = segmented ? SegmentSize : (ushort)0,
            HdrLen = PayloadAt - BenchGuest.HeaderSize,
            CsumStart = TcpAt - BenchGuest.HeaderSize,
            CsumOffset = 16,
        };
        MemoryMarshal.Write(frame, header);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(IpAt - 2)..], 0x0800);
        frame[IpAt] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame[(IpAt + 2)..], (ushort)(frame.Length - IpAt));
        frame[IpAt + 8] = 64;
        frame[IpAt + 9] = 6;
        frame[TcpAt + 12] = 0x50;
        for (int i = PayloadAt; i < frame.Length; i++)
        {
            frame[i] = (byte)(i * 31);
        }
    }

    /// <summary>An Ethernet header after a plain virtio_net_hdr.</summary>
    public static void Write(Span<byte> frame, ulong source, ulong destination)
    {
        frame[..BenchGuest.HeaderSize].Clear();
        Put(frame[BenchGuest.HeaderSize..], destination);
        Put(frame[(BenchGuest.HeaderSize + 6)..], source);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(IpAt - 2)..], 0x88b5);
    }

    private static void Put(Span<byte> at, ulong address)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)(address >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(at[2..], (uint)address);
    }
}
