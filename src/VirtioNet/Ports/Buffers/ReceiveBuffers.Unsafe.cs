using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// Buffers of our own for frames whose receiver is not known before they are read. Filled all at once when all of them are empty, then forwarded; what a
/// receiver holds back stays. One thread.
/// </summary>
internal unsafe class ReceiveBuffers : IDisposable
{
    /// <summary>Frames read before they are forwarded together.</summary>
    public const int Slots = 64;

    /// <summary>Longest frame: 64 KiB of IP and an Ethernet header with two tags.</summary>
    public const int FrameMax = 65535 + 22;

    /// <summary>Where a frame lies in its buffer; room for a header, and for a tag to be put in, is before it.</summary>
    protected const int FrameOffset = 64;

    private const int Stride = 66 * 1024;

    // SAFETY: allocated here for Slots buffers of Stride bytes, each enough for FrameOffset and FrameMax, and freed only by Dispose. Pages that no frame ever
    // reached take no memory.
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Slots * Stride, 4096);
    private readonly VirtioNetHeader[] _headers = new VirtioNetHeader[Slots];
    private readonly int[] _starts = new int[Slots];
    private readonly int[] _lengths = new int[Slots];
    private int _first;
    private int _end;
    private bool _disposed;

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~ReceiveBuffers() => Dispose(false);

    /// <summary>Frames that were not forwarded yet.</summary>
    public int Count => _end - _first;

    /// <summary>True when every frame was forwarded.</summary>
    public bool IsEmpty => _first == _end;

    /// <summary>True when no further frame can be read before these are forwarded.</summary>
    protected bool IsFull => _end == Slots;

    /// <summary>Puts the frames that are left into a burst, up to half the bytes that one may have, as reading them took its part of the turn.</summary>
    public void AddTo(FrameBurst burst)
    {
        burst.Clear();
        long bytes = 0;
        for (int i = _first; i < _end && bytes < TurnBudget.BurstBytesMax / 2; i++)
        {
            bytes += _lengths[i];
            ref VirtioNetHeader header = ref _headers[i];
            burst.TryAdd(header, (nint)(_memory + (i * Stride) + _starts[i]), (uint)_lengths[i]);
            burst.Unfinished |= header.IsPlain ? Offloads.None : OffloadPolicy.Needs(header);
        }
    }

    /// <summary>Forgets the oldest frames, which were forwarded.</summary>
    public void Release(int count) => _first += count;

    /// <summary>Copies of the frames that were not forwarded yet.</summary>
    /// <param name="queue">The queue that they came by.</param>
    // SAFETY: the lengths and starts are those that Accept took, inside their buffers.
    public List<HeldFrame> Copy(int queue)
    {
        var frames = new List<HeldFrame>();
        for (int i = _first; i < _end; i++)
        {
            ReadOnlySpan<byte> header = MemoryMarshal.AsBytes(new ReadOnlySpan<VirtioNetHeader>(in _headers[i]));
            frames.Add(new HeldFrame(queue, header.ToArray(), new ReadOnlySpan<byte>(_memory + (i * Stride) + _starts[i], _lengths[i]).ToArray()));
        }

        return frames;
    }

    /// <summary>Takes over what <see cref="Copy"/> gave, in place of what is here.</summary>
    /// <exception cref="InvalidDataException">They are too many, or too long.</exception>
    // SAFETY: each frame's length is checked against the buffer's room.
    public void Load(IEnumerable<HeldFrame> frames)
    {
        Begin();
        foreach (HeldFrame frame in frames)
        {
            if (IsFull || frame.Bytes.Length is 0 or > FrameMax || frame.Header.Length != VirtioNetHeader.Size)
            {
                throw new InvalidDataException($"a frame of {frame.Bytes.Length} bytes that was held back has no place in the port's buffers");
            }

            frame.Bytes.CopyTo(new Span<byte>(FrameAddress(NextSlot), FrameMax));
            Accept(NextSlot, MemoryMarshal.Read<VirtioNetHeader>(frame.Header), 0, frame.Bytes.Length);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Empties the buffers before they are filled.</summary>
    protected void Begin() => _first = _end = 0;

    /// <summary>Address of the place for a frame in a buffer, with <see cref="FrameOffset"/> bytes before it and room for <see cref="FrameMax"/>.</summary>
    protected byte* FrameAddress(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots, nameof(slot));
        return _memory + (slot * Stride) + FrameOffset;
    }

    /// <summary>The buffer that the next frame goes to.</summary>
    protected int NextSlot => _end;

    /// <summary>Takes over the frame in a slot at or after <see cref="NextSlot"/>.</summary>
    /// <param name="slot">Where it was read to; when it isn't the next slot, the frame is moved there.</param>
    /// <param name="header">Its header.</param>
    /// <param name="shift">Bytes that it begins before its usual place.</param>
    /// <param name="length">Bytes of the frame.</param>
    // SAFETY: the caller read length bytes to the slot; shift is at most FrameOffset.
    protected void Accept(int slot, in VirtioNetHeader header, int shift, int length)
    {
        int to = _end++;
        if (slot != to)
        {
            Buffer.MemoryCopy(FrameAddress(slot) - shift, FrameAddress(to) - shift, FrameMax + shift, length);
        }

        _headers[to] = header;
        _starts[to] = FrameOffset - shift;
        _lengths[to] = length;
    }

    /// <summary>Frees the buffers.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_memory);
        }
    }
}
