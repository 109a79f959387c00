using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// Frames on their way from one source: each a header by value and a chain of checked segments that hold the Ethernet frame (virtio_net_hdr trimmed off). The
/// segments lie in guest memory or in a port's own buffers; both stay valid until the call that the burst was handed to returns. Not thread-safe.
/// </summary>
public sealed unsafe partial class FrameBurst : IDisposable
{
    // SAFETY: allocated here for ChainsMax headers and freed only by Dispose; indices are checked against ChainsMax.
    internal readonly VirtioNetHeader* Headers;

    /// <summary>
    /// What is left of the turn in which these frames travel, taken from by all who work on them. A source that carries several bursts in one turn sets it; who
    /// hands frames on in another burst copies it there before and back afterwards.
    /// </summary>
    public TurnBudget Budget = TurnBudget.Full;

    // By frame: why it was refused; of meaning only for those without segments.
    private readonly DropReason[] _refusals = new DropReason[FramesMax];
    private bool _disposed;

    /// <summary>Allocates a burst.</summary>
    public FrameBurst()
    {
        Chains = new ChainBurst();
        Headers = (VirtioNetHeader*)NativeMemory.AlignedAlloc(ChainBurst.ChainsMax * (nuint)sizeof(VirtioNetHeader), 64);
        NativeMemory.Clear(Headers, ChainBurst.ChainsMax * (nuint)sizeof(VirtioNetHeader));
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~FrameBurst() => Free();

    /// <summary>Most frames in a burst.</summary>
    public const int FramesMax = ChainBurst.ChainsMax;

    /// <summary>The frames' segments; a frame with no segments was malformed and is skipped by whoever receives the burst.</summary>
    public ChainBurst Chains { get; }

    /// <summary>Number of frames.</summary>
    public int Count { get; set; }

    /// <summary>The offloads that at least one of the frames leaves to its receiver; <see cref="Offloads.None"/> when all are complete.</summary>
    public Offloads Unfinished { get; set; }

    /// <summary>The indices 0 to Count - 1, for calls that take a selection of frames.</summary>
    public ReadOnlySpan<ushort> AllFrames => s_identity.AsSpan(0, Count);

    /// <summary>The frame's segments.</summary>
    public ref Chain this[int index] => ref Chains[index];

    /// <summary>The frame's header.</summary>
    // SAFETY: the check keeps the reference inside the array, which lives as long as the burst.
    public ref VirtioNetHeader Header(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)FramesMax, nameof(index));
        return ref Headers[index];
    }

    /// <summary>Leaves nothing of a frame but the reason for that: it has no segments any more, and its header asks nobody for anything.</summary>
    internal void Refuse(int index, DropReason reason)
    {
        Chains[index] = default;
        Header(index) = default;
        _refusals[index] = reason;
    }

    /// <summary>Why a frame without segments was refused, until another is put in its place.</summary>
    internal DropReason RefusalOf(int index) => _refusals[index];

    /// <summary>Empties the burst, and gives it a whole turn.</summary>
    public void Clear()
    {
        Budget = TurnBudget.Full;
        BytesAtMost = UnknownBytes;
        Count = 0;
        Unfinished = Offloads.None;
        Chains.ResetSegments();
    }

    /// <summary>Appends a frame of one segment; false when the burst is full.</summary>
    public bool TryAdd(in VirtioNetHeader header, nint address, uint length)
    {
        if (Count == FramesMax)
        {
            return false;
        }

        Chains.SetSingle(Count, address, length);
        SetHeader(header);
        return true;
    }

    /// <summary>Appends a frame of several segments; false when the burst has no room for it.</summary>
    public bool TryAdd(in VirtioNetHeader header, ReadOnlySpan<GuestSegment> segments)
    {
        if (Count == FramesMax || !Chains.TrySet(Count, segments))
        {
            return false;
        }

        SetHeader(header);
        return true;
    }

    /// <summary>The same when the caller knows what the header leaves undone.</summary>
    // SAFETY: Count is below FramesMax.
    internal bool TryAdd(in VirtioNetHeader header, Offloads unfinished, ReadOnlySpan<GuestSegment> segments)
    {
        if (Count == FramesMax || !Chains.TrySet(Count, segments))
        {
            return false;
        }

        Headers[Count++] = header;
        Unfinished |= unfinished;
        return true;
    }

    /// <summary>The same for two segments.</summary>
    // SAFETY: as above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryAddPair(in VirtioNetHeader header, Offloads unfinished, GuestSegment first, GuestSegment second)
    {
        if (Count == FramesMax || !Chains.TrySetPair(Count, first, second))
        {
            return false;
        }

        Headers[Count++] = header;
        Unfinished |= unfinished;
        return true;
    }

    // SAFETY: the caller checked that Count is below FramesMax.
    private void SetHeader(in VirtioNetHeader header)
    {
        Headers[Count++] = header;
        if (!header.IsPlain)
        {
            Unfinished |= OffloadPolicy.Needs(header);
        }
    }

    /// <summary>Copies up to <paramref name="destination"/>'s length bytes of a frame, from <paramref name="offset"/> on, into memory of our own.</summary>
    /// <returns>The bytes copied.</returns>
    // SAFETY: segments were checked against guest memory when the burst was filled and stay mapped while the burst is used.
    public int CopyTo(int index, int offset, Span<byte> destination)
    {
        ref Chain chain = ref Chains[index];
        int copied = 0;
        for (int i = 0; i < chain.SegmentCount && copied < destination.Length; i++)
        {
            GuestSegment segment = Chains.SegmentOf(in chain, i);
            if ((uint)offset >= segment.Length)
            {
                offset -= (int)segment.Length;
                continue;
            }

            int length = Math.Min((int)segment.Length - offset, destination.Length - copied);
            WorkWitness.Copy((uint)length);
            new ReadOnlySpan<byte>((byte*)segment.Address + offset, length).CopyTo(destination[copied..]);
            copied += length;
            offset = 0;
        }

        return copied;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        Chains.Dispose();
        GC.SuppressFinalize(this);
    }

    private static readonly ushort[] s_identity = [.. Enumerable.Range(0, FramesMax).Select(i => (ushort)i)];

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(Headers);
        }
    }
}
