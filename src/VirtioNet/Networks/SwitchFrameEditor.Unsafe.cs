using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Makes frames with another beginning by reference: the beginning in memory of its own, the rest as slices of the source's segments. Beginnings are copied
/// either to change a VLAN tag, or so that what was checked is what is delivered, whatever the sender writes into its memory meanwhile. Not thread-safe.
/// </summary>
internal sealed unsafe class SwitchFrameEditor : IDisposable
{
    /// <summary>Longest beginning that <see cref="TryGuard"/> copies: Ethernet with two tags, IPv6 with an extension header, neighbour discovery.</summary>
    public const int HeadMax = 128;

    private const int Addresses = 2 * ETH_ALEN;
    private const int TagLength = 4;
    private const int SlicesMax = ChainBurst.ChainSegmentsMax;

    // SAFETY: FramesMax slots of HeadMax bytes, and SlicesMax entries; freed only by Dispose.
    private readonly byte* _heads;
    private readonly GuestSegment* _slices;
    private bool _disposed;

    public SwitchFrameEditor()
    {
        _heads = (byte*)NativeMemory.AlignedAlloc(FrameBurst.FramesMax * HeadMax, 64);
        _slices = (GuestSegment*)NativeMemory.AlignedAlloc(SlicesMax * (nuint)sizeof(GuestSegment), 64);
    }

    ~SwitchFrameEditor() => Free();

    /// <summary>The frames made so far.</summary>
    public FrameBurst Output { get; } = new();

    /// <summary>The beginning of a frame that <see cref="TryGuard"/> added.</summary>
    // SAFETY: the slot holds HeadMax bytes; the length is that of the frame's first segment, which lies there.
    public ReadOnlySpan<byte> Head(int frame)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)frame, (uint)Output.Count, nameof(frame));
        return new ReadOnlySpan<byte>(_heads + (frame * HeadMax), (int)Math.Min(HeadMax, Output[frame].Length));
    }

    /// <summary>Adds a frame as it is.</summary>
    // SAFETY: the entries were checked at both ends.
    public bool TryAddWhole(FrameBurst source, int frame)
    {
        ref Chain chain = ref source[frame];
        if (chain.SegmentCount <= 1)
        {
            return Output.TryAdd(source.Header(frame), chain.Address, chain.Length);
        }

        _ = source.Chains.Segment(chain.SegmentStart + chain.SegmentCount - 1);
        return Output.TryAdd(source.Header(frame), new ReadOnlySpan<GuestSegment>(Unsafe.AsPointer(ref source.Chains.Segment(chain.SegmentStart)), chain.SegmentCount));
    }

    /// <summary>Adds a frame with its beginning copied.</summary>
    // SAFETY: CopyTo writes no more than the span holds.
    public bool TryGuard(FrameBurst source, int frame)
    {
        if (Output.Count == FrameBurst.FramesMax)
        {
            return false;
        }

        byte* head = _heads + (Output.Count * HeadMax);
        int copied = source.CopyTo(frame, 0, new Span<byte>(head, HeadMax));
        return TryAdd(source, frame, source.Header(frame), (uint)copied, (uint)copied);
    }

    /// <summary>Adds a frame with a certain VLAN tag, or none.</summary>
    /// <param name="source">The source's burst.</param>
    /// <param name="frame">The frame's index.</param>
    /// <param name="typeAndTag">Bytes 12 to 15 of the frame as they were when it was looked at, as a big-endian number.</param>
    /// <param name="wasTagged">True when these bytes are an 802.1Q tag.</param>
    /// <param name="tag">The tag that the frame shall have (priority and VLAN), or -1 for none.</param>
    // SAFETY: the slot is longer than the 20 bytes that are written at most.
    public bool TryRetag(FrameBurst source, int frame, uint typeAndTag, bool wasTagged, int tag)
    {
        uint length = source[frame].TotalLength;
        if (Output.Count == FrameBurst.FramesMax || length < Addresses + TagLength + sizeof(ushort))
        {
            // A frame this short carries nothing; it isn't worth code of its own.
            return Output.Count < FrameBurst.FramesMax && TryAddWhole(source, frame);
        }

        byte* head = _heads + (Output.Count * HeadMax);
        uint skip = Addresses + (wasTagged ? TagLength : 0u) + sizeof(ushort);
        _ = source.CopyTo(frame, 0, new Span<byte>(head, (int)skip));
        ushort type = wasTagged ? Unsafe.ReadUnaligned<ushort>(head + Addresses + TagLength) : BinaryPrimitives.ReverseEndianness((ushort)(typeAndTag >> 16));
        uint at = Addresses;
        if (tag >= 0)
        {
            Unsafe.WriteUnaligned(head + at, BinaryPrimitives.ReverseEndianness(((uint)ETH_P_8021Q << 16) | (uint)tag));
            at += TagLength;
        }

        Unsafe.WriteUnaligned(head + at, type);
        at += sizeof(ushort);
        VirtioNetHeader header = source.Header(frame);
        if (!header.IsPlain)
        {
            int shift = (int)at - (int)skip;
            header.CsumStart = (ushort)(header.CsumStart + shift);
            header.HdrLen = (ushort)Math.Max(0, header.HdrLen + shift);
            if (!VirtioNetHeaderCheck.IsChecksumValid(header, (uint)(length + shift)))
            {
                // What the sender claimed was just possible where the frame came in, and is not behind another tag.
                return false;
            }
        }

        return TryAdd(source, frame, header, at, skip);
    }

    /// <summary>EtherType of the last frame added, as it will be delivered.</summary>
    // SAFETY: reads inside the last frame's slot.
    public ushort LastType => Output.Count == 0 ? (ushort)0 : BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(_heads + ((Output.Count - 1) * HeadMax) + Addresses));

    /// <summary>Takes the last frame back.</summary>
    public void RemoveLast() => Output.Count--;

    public void Dispose()
    {
        Output.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    // SAFETY: as the constructor.
    private bool TryAdd(FrameBurst source, int frame, in VirtioNetHeader header, uint headLength, uint skip)
    {
        byte* head = _heads + (Output.Count * HeadMax);
        uint rest = source[frame].TotalLength - skip;
        if (rest == 0)
        {
            return Output.TryAdd(header, (nint)head, headLength);
        }

        _slices[0] = new GuestSegment((nint)head, headLength);
        var cursor = new FrameCursor(source, frame);
        cursor.Skip(skip);
        int count = cursor.Take(rest, _slices + 1, SlicesMax - 1);
        return count >= 0 && Output.TryAdd(header, new ReadOnlySpan<GuestSegment>(_slices, count + 1));
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_heads);
            NativeMemory.AlignedFree(_slices);
        }
    }
}
