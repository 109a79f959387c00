using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Generator;

/// <summary>As many ready-made UDP frames as a burst holds, in native memory; only the sequence number and the checksum are written per frame.</summary>
internal sealed unsafe class FrameTemplates : IDisposable
{
    /// <summary>Where the sequence number is in a frame: 8 bytes, big-endian.</summary>
    public const int SequenceOffset = UdpOffset + WireFormat.UdpSize;

    private const int UdpOffset = WireFormat.EthernetSize + WireFormat.IPv4Size;

    // SAFETY: allocated here for FramesMax frames of _stride bytes and freed only by Dispose; slots are checked against FramesMax.
    private readonly byte* _memory;
    private readonly int _stride;
    private readonly int _size;
    private readonly ulong _sumWithoutSequence;
    private bool _disposed;

    /// <summary>Builds the frames.</summary>
    /// <exception cref="ArgumentException">A size, rate or address is out of range.</exception>
    public FrameTemplates(GeneratorOptions options)
    {
        Check(options);
        _size = options.FrameSize;
        _stride = (_size + 63) & ~63;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(_stride * FrameBurst.FramesMax), 64);
        Span<byte> first = Frame(0);
        WriteFrame(first, options);
        Span<byte> udp = first[UdpOffset..];
        _sumWithoutSequence = PacketChecksum.Add(
            PacketChecksum.AddPseudoHeader(0, first.Slice(UdpOffset - 8, 8), WireFormat.ProtocolUdp, udp.Length), udp);
        for (int i = 1; i < FrameBurst.FramesMax; i++)
        {
            first.CopyTo(Frame(i));
        }
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~FrameTemplates() => Free();

    /// <summary>Gives the frame in a slot its sequence number.</summary>
    public void SetSequence(int slot, ulong sequence)
    {
        Span<byte> frame = Frame(slot);
        BinaryPrimitives.WriteUInt64BigEndian(frame[SequenceOffset..], sequence);
        ushort checksum = PacketChecksum.Finish(PacketChecksum.Add(PacketChecksum.Add(_sumWithoutSequence, (uint)(sequence >> 32)), (uint)sequence));
        BinaryPrimitives.WriteUInt16BigEndian(frame[(UdpOffset + 6)..], checksum == 0 ? (ushort)0xffff : checksum);
    }

    /// <summary>Appends the frame in a slot to a burst.</summary>
    public void AddTo(FrameBurst burst, int slot) => burst.TryAdd(default, (nint)_memory + (slot * _stride), (uint)_size);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private Span<byte> Frame(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)FrameBurst.FramesMax, nameof(slot));
        return new Span<byte>(_memory + (slot * _stride), _size);
    }

    private static void Check(GeneratorOptions options)
    {
        if (options.FrameSize is < WireFormat.EthernetMin or > 65535)
        {
            throw new ArgumentException($"frame size {options.FrameSize} is not between {WireFormat.EthernetMin} and 65535", nameof(options));
        }

        if (options.Rate < 0 || options.Count < 0)
        {
            throw new ArgumentException($"rate {options.Rate} and count {options.Count} must not be negative; 0 means no limit", nameof(options));
        }

        if (options.UdpPort is < 1 or > 65535)
        {
            throw new ArgumentException($"UDP port {options.UdpPort} is not between 1 and 65535", nameof(options));
        }

        foreach (IPAddress address in (ReadOnlySpan<IPAddress>)[options.Source, options.Destination])
        {
            if (address.AddressFamily != AddressFamily.InterNetwork)
            {
                throw new ArgumentException($"'{address}' is not an IPv4 address", nameof(options));
            }
        }
    }

    private static void WriteFrame(Span<byte> frame, GeneratorOptions options)
    {
        frame.Clear();
        options.DestinationMac.Write(frame);
        options.SourceMac.Write(frame[WireFormat.EthernetSource..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], WireFormat.TypeIPv4);

        Span<byte> ip = frame[WireFormat.EthernetSize..];
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[8] = WireFormat.DefaultTtl;
        ip[9] = WireFormat.ProtocolUdp;
        options.Source.TryWriteBytes(ip[12..], out _);
        options.Destination.TryWriteBytes(ip[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], PacketChecksum.Compute(ip[..WireFormat.IPv4Size]));

        Span<byte> udp = ip[WireFormat.IPv4Size..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, (ushort)options.UdpPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], (ushort)options.UdpPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        for (int i = WireFormat.UdpSize + 8; i < udp.Length; i++)
        {
            udp[i] = (byte)i;
        }
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_memory);
        }
    }
}
