using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// Makes frames with another beginning by reference: the beginning in memory of its own, the rest as slices of the source's segments. Beginnings are copied
/// either to change a VLAN tag, or so that what was checked is what is delivered, whatever the sender writes into its memory meanwhile. Not thread-safe.
/// </summary>
internal sealed unsafe class SwitchFrameEditor : IDisposable
{
    /// <summary>Longest beginning that <see cref="TryGuard"/> copies: Ethernet with two tags, IPv6 with an extension header, neighbour discovery.</summary>
    public const int HeadMax = 128;

    private const int Addresses = 2 * ETH_ALEN;
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

    /// <summary>
    /// Begins a frame with the words that it was judged by, and reads the one behind a tag: once, so that what is decided on it is decided on what is
    /// delivered.
    /// </summary>
    /// <param name="source">The source's burst.</param>
    /// <param name="frame">The frame's index.</param>
    /// <param name="head">The frame's first 16 bytes as they were when it was looked at.</param>
    /// <param name="wasTagged">True when the last four of them are an 802.1Q tag.</param>
    /// <param name="type">The type of what follows, as a tag or without one.</param>
    /// <returns>False when the frame ends before that.</returns>
    // SAFETY: Output has room for one more frame, so the slot is one of FramesMax; it is longer than the 18 bytes that are written.
    public bool TryBegin(FrameBurst source, int frame, Vector128<byte> head, bool wasTagged, out ushort type)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Output.Count, FrameBurst.FramesMax, nameof(frame));
        byte* slot = _heads + (Output.Count * HeadMax);
        head.Store(slot);
        uint length = source[frame].TotalLength;
        uint typeAt = Addresses + (wasTagged ? (uint)VlanTag.Length : 0);
        if (length < typeAt + sizeof(ushort))
        {
            type = 0;
            return false;
        }

        if (wasTagged)
        {
            _ = source.CopyTo(frame, Addresses + VlanTag.Length, new Span<byte>(slot + Addresses + VlanTag.Length, sizeof(ushort)));
        }

        type = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(slot + typeAt));
        return true;
    }

    /// <summary>Adds the frame that was begun, with a certain VLAN tag or none.</summary>
    /// <param name="source">The source's burst.</param>
    /// <param name="frame">The frame's index.</param>
    /// <param name="type">What <see cref="TryBegin"/> found.</param>
    /// <param name="wasTagged">True when the frame came in with an 802.1Q tag.</param>
    /// <param name="tag">The tag that the frame shall have (priority and VLAN), or -1 for none.</param>
    /// <param name="refusal">Why the frame can't be made, and was not added; 0 when it can.</param>
    /// <returns>False when there is no room for it.</returns>
    // SAFETY: as TryBegin.
    public bool TryEnd(FrameBurst source, int frame, ushort type, bool wasTagged, int tag, out DropReason refusal)
    {
        byte* slot = _heads + (Output.Count * HeadMax);
        uint skip = Addresses + (wasTagged ? (uint)VlanTag.Length : 0) + sizeof(ushort);
        uint at = Addresses;
        if (tag >= 0)
        {
            Unsafe.WriteUnaligned(slot + at, BinaryPrimitives.ReverseEndianness(((uint)ETH_P_8021Q << 16) | (uint)tag));
            at += VlanTag.Length;
        }

        Unsafe.WriteUnaligned(slot + at, BinaryPrimitives.ReverseEndianness(type));
        at += sizeof(ushort);
        VirtioNetHeader header = source.Header(frame);
        refusal = default;
        if (at != skip && !header.IsPlain && !TryShift(ref header, (int)at - (int)skip, source[frame].TotalLength))
        {
            // What the sender claimed was just possible where the frame came in, and is not behind another tag.
            refusal = DropReason.Offload;
            return true;
        }

        return TryAdd(source, frame, header, at, skip);
    }

    /// <summary>Takes the last frame back.</summary>
    public void RemoveLast() => Output.Count--;

    public void Dispose()
    {
        Output.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Moves the places that a header names.</summary>
    private static bool TryShift(ref VirtioNetHeader header, int shift, uint length)
    {
        header.CsumStart = (ushort)(header.CsumStart + shift);
        header.HdrLen = (ushort)Math.Max(0, header.HdrLen + shift);
        return VirtioNetHeaderCheck.IsChecksumValid(header, (uint)(length + shift));
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

        ref Chain chain = ref source[frame];
        if (chain.SegmentCount == 1)
        {
            Offloads unfinished = header.IsPlain ? Offloads.None : OffloadPolicy.Needs(header);
            return Output.TryAddPair(header, unfinished, new GuestSegment((nint)head, headLength), new GuestSegment(chain.Address + (nint)skip, rest));
        }

        source.Budget.TakeDescriptors(chain.SegmentCount);
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
