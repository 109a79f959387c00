using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Cuts one TCP or UDP frame into segments as a sending network card does (virtio 1.3 section 5.1.6.2): headers are copied once into a template, from which
/// each segment's are written; payload is handed out as slices. The guest can change its memory meanwhile without effect on the headers. Not thread-safe.
/// </summary>
internal sealed unsafe partial class Segmenter : IDisposable
{
    private const int TemplateLength = FrameLayout.HeadersMax + 64;

    // SAFETY: TemplateLength bytes each, freed only by Dispose.
    private readonly byte* _template;
    private readonly byte* _middle;
    private FrameCursor _payload;
    private FrameLayout _layout;
    private VirtioNetHeader _partialHeader;
    private uint _payloadLength;
    private uint _segmentSize;
    private uint _sequence;
    private ushort _identification;
    private byte _flags;
    private ulong _ipSum;
    private ulong _transportSum;
    private ulong _pseudoSum;
    private bool _disposed;

    public Segmenter()
    {
        _template = (byte*)NativeMemory.AlignedAlloc(2 * TemplateLength, 64);
        _middle = _template + TemplateLength;
    }

    ~Segmenter() => Free();

    /// <summary>Number of segments.</summary>
    public int Count { get; private set; }

    /// <summary>The segment that <see cref="TakePayload"/> hands out next.</summary>
    public int Next { get; private set; }

    /// <summary>Bytes of payload of each segment but the last.</summary>
    public uint SegmentSize => _segmentSize;

    /// <summary>Length of each segment's headers in bytes.</summary>
    public int HeadersLength => _layout.Payload;

    /// <summary>The virtio_net_hdr of a segment whose checksum the receiver finishes.</summary>
    public ref readonly VirtioNetHeader PartialHeader => ref _partialHeader;

    /// <summary>Begins with a frame; false when its header doesn't fit it.</summary>
    // SAFETY: the copy is bounded by HeadersMax, and the layout was read from the copy, so every offset in it lies inside the template.
    public bool TryBegin(FrameBurst source, int frame, in VirtioNetHeader header)
    {
        uint length = source[frame].TotalLength;
        var head = new Span<byte>(_template, FrameLayout.HeadersMax);
        head = head[..source.CopyTo(frame, 0, head)];
        if (!VirtioNetHeaderCheck.TryReadSegmented(header, head, length, out _layout))
        {
            return false;
        }

        _payload = new FrameCursor(source, frame);
        _payload.Skip((uint)_layout.Payload);
        _payloadLength = length - (uint)_layout.Payload;
        _segmentSize = header.GsoSize;
        Count = (int)((_payloadLength + _segmentSize - 1) / _segmentSize);
        Next = 0;
        _partialHeader = new VirtioNetHeader
        {
            Flags = VirtioNetHeader.F_NEEDS_CSUM,
            HdrLen = (ushort)(header.CsumStart + header.CsumOffset + sizeof(ushort)),
            CsumStart = header.CsumStart,
            CsumOffset = header.CsumOffset,
        };
        PrepareNetwork();
        PrepareTransport(length - (uint)_layout.Transport);
        PrepareMiddle();
        return true;
    }

    /// <summary>Goes on with segment <paramref name="segment"/>; those before were delivered earlier.</summary>
    public void SkipTo(int segment)
    {
        _payload.Skip((uint)segment * _segmentSize);
        Next = segment;
    }

    /// <summary>The position, to be given to <see cref="Restore"/> when the segment found no room.</summary>
    public FrameCursor Save() => _payload;

    /// <summary>Takes the last segment back.</summary>
    public void Restore(FrameCursor payload)
    {
        _payload = payload;
        Next--;
    }

    /// <summary>Hands out the next segment's payload.</summary>
    /// <returns>The number of slices, or -1 when there are more than <paramref name="capacity"/>.</returns>
    // SAFETY: as FrameCursor.Take.
    public int TakePayload(GuestSegment* slices, int capacity)
    {
        uint done = (uint)Next * _segmentSize;
        int count = _payload.Take(Math.Min(_segmentSize, _payloadLength - done), slices, capacity);
        Next++;
        return count;
    }

    /// <summary>Writes the headers of the segment that was taken last.</summary>
    /// <param name="at">Room for <see cref="HeadersLength"/> bytes rounded up to 64.</param>
    /// <param name="payload">The segment's slices.</param>
    /// <param name="slices">Their number.</param>
    /// <param name="finishChecksum">False to leave the checksum to the receiver.</param>
    // SAFETY: the template has as many bytes as are copied, rounded up; all offsets were checked to lie inside the headers.
    public void WriteHeaders(byte* at, GuestSegment* payload, int slices, bool finishChecksum)
    {
        int segment = Next - 1;
        for (int i = 0; i < _layout.Payload; i += 64)
        {
            Unsafe.CopyBlock(at + i, _template + i, 64);
        }

        uint done = (uint)segment * _segmentSize;
        uint length = Math.Min(_segmentSize, _payloadLength - done);
        WriteNetwork(at + _layout.Network, (uint)(_layout.Payload - _layout.Network) + length, segment);
        ulong sum = _transportSum;
        byte* transport = at + _layout.Transport;
        int checksumAt;
        if (_layout.Protocol == IPPROTO_TCP)
        {
            checksumAt = TransportFields.TcpChecksum;
            sum += WriteTcp(transport, _sequence + done, segment);
        }
        else
        {
            checksumAt = TransportFields.UdpChecksum;
            ushort udpLength = ToBigEndian((uint)(_layout.Payload - _layout.Transport) + length);
            Write16(transport + TransportFields.UdpLength, udpLength);
            sum += udpLength;
        }

        ulong pseudo = _pseudoSum + ToBigEndian((uint)(_layout.Payload - _layout.Transport) + length);
        if (finishChecksum)
        {
            sum = AddPayload(sum + pseudo, payload, slices);
            Write16(transport + checksumAt, _layout.Protocol == IPPROTO_TCP ? InternetChecksum.Finish(sum) : InternetChecksum.FinishTransport(sum));
        }
        else
        {
            Write16(transport + checksumAt, InternetChecksum.Fold(pseudo));
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    // SAFETY: the network header lies inside the template.
    private void PrepareNetwork()
    {
        byte* network = _template + _layout.Network;
        if (_layout.IsIPv6)
        {
            return;
        }

        _identification = BinaryPrimitives.ReverseEndianness(Read16(network + TransportFields.IPv4Identification));
        Write16(network + TransportFields.IPv4Length, 0);
        Write16(network + TransportFields.IPv4Identification, 0);
        Write16(network + TransportFields.IPv4Checksum, 0);
        _ipSum = InternetChecksum.Sum(network, (uint)(network[0] & 15) * 4);
    }

    // SAFETY: the transport header lies inside the template. The fields that change with each segment are cleared, so that the sum of the rest is taken once.
    private void PrepareTransport(uint transportLength)
    {
        byte* transport = _template + _layout.Transport;
        int checksumAt = _layout.Protocol == IPPROTO_TCP ? TransportFields.TcpChecksum : TransportFields.UdpChecksum;

        // The field holds the pseudo header's sum with the whole frame's length, which is exchanged for each segment's.
        _pseudoSum = (ulong)Read16(transport + checksumAt) + (ushort)~ToBigEndian(transportLength);
        Write16(transport + checksumAt, 0);
        if (_layout.Protocol == IPPROTO_TCP)
        {
            _sequence = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(transport + TransportFields.TcpSequence));
            _flags = transport[TransportFields.TcpFlags];
            Unsafe.WriteUnaligned(transport + TransportFields.TcpSequence, 0u);
            transport[TransportFields.TcpFlags] = 0;
        }
        else
        {
            Write16(transport + TransportFields.UdpLength, 0);
        }

        _transportSum = InternetChecksum.Sum(transport, (uint)(_layout.Payload - _layout.Transport));
    }

    // SAFETY: network points at the network header of a copy of the template.
    private void WriteNetwork(byte* network, uint length, int segment)
    {
        if (_layout.IsIPv6)
        {
            Write16(network + TransportFields.IPv6Length, ToBigEndian(length - TransportFields.IPv6HeaderLength));
            return;
        }

        ushort total = ToBigEndian(length);
        ushort identification = ToBigEndian((uint)(_identification + segment));
        Write16(network + TransportFields.IPv4Length, total);
        Write16(network + TransportFields.IPv4Identification, identification);
        Write16(network + TransportFields.IPv4Checksum, InternetChecksum.Finish(_ipSum + total + identification));
    }

    // SAFETY: transport points at the TCP header of a copy of the template. Returns the sum of what it wrote.
    private ulong WriteTcp(byte* transport, uint sequence, int segment)
    {
        byte flags = _flags;
        if (segment > 0)
        {
            flags &= unchecked((byte)~TransportFields.FirstOnlyFlags);
        }

        if (segment < Count - 1)
        {
            flags &= unchecked((byte)~TransportFields.LastOnlyFlags);
        }

        uint stored = BinaryPrimitives.ReverseEndianness(sequence);
        Unsafe.WriteUnaligned(transport + TransportFields.TcpSequence, stored);
        transport[TransportFields.TcpFlags] = flags;
        return stored + ((ulong)flags << 8);
    }

    // SAFETY: the slices lie inside checked segments.
    private static ulong AddPayload(ulong sum, GuestSegment* payload, int slices)
    {
        if (slices == 1)
        {
            return sum + InternetChecksum.Sum((byte*)payload->Address, payload->Length);
        }

        uint before = 0;
        for (int i = 0; i < slices; i++)
        {
            sum = InternetChecksum.Append(sum, before, (byte*)payload[i].Address, payload[i].Length);
            before += payload[i].Length;
        }

        return sum;
    }

    private static ushort ToBigEndian(uint value) => BinaryPrimitives.ReverseEndianness((ushort)value);

    // SAFETY: the callers pass addresses inside the template or a copy of it.
    private static ushort Read16(byte* at) => Unsafe.ReadUnaligned<ushort>(at);

    // SAFETY: as Read16.
    private static void Write16(byte* at, ushort value) => Unsafe.WriteUnaligned(at, value);

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_template);
        }
    }
}
