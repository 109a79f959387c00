using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Finishes in software what a receiver doesn't take unfinished: partial checksums and segmentation. The results are frames by reference: headers in memory
/// of the finisher, payload as slices of the source's segments, so that payload is copied only into the receiver. What fits into one burst is a round;
/// more follows in further rounds. One instance serves one source queue and direction, on one thread at a time; it allocates its memory when the first frame
/// needs finishing, or in <see cref="Prepare"/>.
/// </summary>
internal sealed unsafe partial class OffloadFinisher : IDisposable
{
    private const int ScratchLength = 64 * 1024;

    /// <summary>
    /// Segments of a round: their headers stay in the first-level cache until they are copied, and little was made in vain when the receiver is full.
    /// </summary>
    private const int RoundMax = 64;

    private const int SlicesMax = ChainBurst.ChainSegmentsMax;

    private readonly ushort[] _frames = new ushort[FrameBurst.FramesMax];

    // Of each frame of the output: its position in _frames in the upper half, its segment in the lower.
    private readonly uint[] _origins = new uint[FrameBurst.FramesMax];
    private FrameBurst? _output;
    private Segmenter? _segmenter;
    private FrameBurst? _source;
    private Offloads _accepts;
    private int _count;
    private int _position;
    private bool _segmenting;
    private int _badHeaders;
    private int _unfinishable;
    private ResumePoint _resume;

    // The source's budget while its frames are finished.
    private TurnBudget _turn;

    // SAFETY: ScratchLength bytes and SlicesMax entries, allocated by Prepare and freed only by Dispose; null before, when no round can begin.
    private byte* _scratch;
    private GuestSegment* _slices;
    private uint _scratchUsed;

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~OffloadFinisher() => Free();

    /// <summary>
    /// Gives frames to a port, those that it can't take unfinished in finished form, in order. A port that can't take more now, or a spent
    /// <see cref="FrameBurst.Budget"/>, stops this in the middle: what was not taken is made again when the same frame comes first the next time, without the
    /// segments that were.
    /// </summary>
    /// <param name="destination">The receiving port.</param>
    /// <param name="accepts">What it takes unfinished, and finishes itself, read once by the network.</param>
    /// <param name="burst">The frames.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="queue">The source's queue number.</param>
    /// <param name="waiter">As in <see cref="IFrameSink.Deliver"/>.</param>
    /// <param name="drops">Where frames that can't be finished are counted.</param>
    /// <returns>How many of <paramref name="frames"/> are done with.</returns>
    public int Deliver(
        IFrameSink destination, Offloads accepts, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter, ref FrameCounters drops)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (OffloadPolicy.CanPass(burst, frames, accepts))
        {
            long left = burst.Budget.Left;
            int passed = destination.Deliver(burst, frames, queue, waiter);
            burst.ChargeDelivery(left, frames[..passed], burst.BytesAtMost);
            return passed;
        }

        Begin(burst, frames, accepts);
        int done = frames.Length;
        while (_position < _count)
        {
            bool any = FillRound();
            burst.Budget = _turn;
            FrameBurst output = _output!;
            int taken = any ? DeliverRound(destination, burst, queue, waiter) : 0;
            if (taken < output.Count)
            {
                done = (int)(_origins[taken] >> 16);
                _resume = ResumePoint.Of(burst, frames[done], (ushort)_origins[taken]);
                break;
            }

            if (burst.Budget.IsSpent && _position < _count)
            {
                done = EndTurn(burst, waiter, ref drops);
                break;
            }
        }

        CountDrops(ref drops);
        return done;
    }

    /// <summary>Forgets which segments of a frame were taken: its receiver is not the one that comes next.</summary>
    internal void ForgetSegments() => _resume = default;

    private int DeliverRound(IFrameSink destination, FrameBurst burst, int queue, BottomHalf? waiter)
    {
        FrameBurst output = _output!;
        output.ContinueTurn(burst);
        int taken = destination.Deliver(output, output.AllFrames, queue, waiter);
        burst.Budget = _turn = output.Budget;
        return taken;
    }

    /// <summary>
    /// The turn's budget is spent between two rounds: what is left stays with a sender that can wait, which comes again at once; another loses it.
    /// </summary>
    /// <returns>How many frames are done with.</returns>
    private int EndTurn(FrameBurst burst, BottomHalf? waiter, ref FrameCounters drops)
    {
        if (waiter is null && !burst.ComesAgain)
        {
            drops.Drop(DropReason.Budget, _count - _position);
            return _count;
        }

        if (_segmenting)
        {
            _resume = ResumePoint.Of(burst, _frames[_position], _segmenter!.Next);
        }

        waiter?.Schedule();
        return _position;
    }

    /// <summary>Begins with a selection of frames for a receiver.</summary>
    internal void Begin(FrameBurst source, ReadOnlySpan<ushort> frames, Offloads accepts)
    {
        Prepare();
        _source = source;
        frames.CopyTo(_frames);
        _count = frames.Length;
        _position = 0;
        _accepts = accepts;
        _segmenting = false;
        _badHeaders = 0;
        _unfinishable = 0;
        _turn = source.Budget;
        if (_count > 0 && !_resume.Matches(source, frames[0]))
        {
            _resume = default;
        }
    }

    /// <summary>The frames of the last round; valid until the next.</summary>
    internal FrameBurst Output => _output!;

    /// <summary>
    /// Fills <see cref="Output"/> with the next frames, as many as the turn's budget has room for; false when there is none: all are through, or the budget was
    /// spent on frames that came to nothing.
    /// </summary>
    internal bool FillRound()
    {
        FrameBurst output = _output!;
        output.Clear();
        _scratchUsed = 0;
        while (_position < _count && !_turn.IsSpent)
        {
            bool fits = _segmenting ? AddSegments() : AddFrame(_frames[_position]);
            if (fits)
            {
                _position++;
                _segmenting = false;
            }
            else if (output.Count > 0)
            {
                return true;
            }
            else
            {
                // Not even alone in an empty burst: too many segments.
                _unfinishable++;
                _position++;
                _segmenting = false;
            }
        }

        return output.Count > 0;
    }

    /// <summary>Allocates the finisher's memory ahead of the first frame that needs it.</summary>
    // SAFETY: allocated once; Dispose frees it.
    public void Prepare()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_output is null)
        {
            _scratch = (byte*)NativeMemory.AlignedAlloc(ScratchLength, 64);
            _slices = (GuestSegment*)NativeMemory.AlignedAlloc(SlicesMax * (nuint)sizeof(GuestSegment), 64);
            _segmenter = new Segmenter();
            _output = new FrameBurst();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        _segmenter?.Dispose();
        _output?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds the drops since <see cref="Begin"/> to a port's counters.</summary>
    internal void CountDrops(ref FrameCounters drops)
    {
        if ((_badHeaders | _unfinishable) != 0)
        {
            drops.Drop(DropReason.BadHeader, _badHeaders);
            drops.Drop(DropReason.Offload, _unfinishable);
        }
    }

    // True when the frame is through (added or dropped), false when the round has no room for it or it is to be continued in the next.
    private bool AddFrame(int frame)
    {
        FrameBurst source = _source!;
        _turn.TakeDescriptors(source[frame].SegmentCount);
        _turn.Take(TurnBudget.CopyCost);
        if (source[frame].IsMalformed)
        {
            return true;
        }

        VirtioNetHeader header = source.Header(frame);
        if (header.IsPlain || (OffloadPolicy.Needs(header) & ~_accepts) == 0)
        {
            return AddWhole(frame, header);
        }

        if (header.GsoType != VirtioNetHeader.GSO_NONE)
        {
            Segmenter segmenter = _segmenter!;
            if (!segmenter.TryBegin(source, frame, header))
            {
                _badHeaders++;
                return true;
            }

            if (segmenter.Count > 1)
            {
                segmenter.SkipTo(_resume.Segment < segmenter.Count ? _resume.Segment : 0);
                _resume = default;
                _segmenting = true;
                return AddSegments();
            }

            // One segment is no work but its checksum.
            header = segmenter.PartialHeader;
            if ((_accepts & Offloads.Checksum) != 0)
            {
                return AddWhole(frame, header);
            }
        }

        return AddChecksummed(frame, header);
    }

    private bool AddSegments()
    {
        Segmenter segmenter = _segmenter!;
        bool finishChecksum = (_accepts & Offloads.Checksum) == 0;
        VirtioNetHeader header = finishChecksum ? default : segmenter.PartialHeader;
        Offloads unfinished = finishChecksum ? Offloads.None : Offloads.Checksum;
        uint slot = (uint)(segmenter.HeadersLength + 63) & ~63u;
        while (segmenter.Next < segmenter.Count)
        {
            if (_scratchUsed + slot > ScratchLength || _output!.Count >= RoundMax)
            {
                return false;
            }

            if (!finishChecksum && AddMiddleSegments(segmenter, slot))
            {
                continue;
            }

            FrameCursor before = segmenter.Save();
            int slices = segmenter.TakePayload(_slices + 1, SlicesMax - 1);
            byte* headers = _scratch + _scratchUsed;
            _slices[0] = new GuestSegment((nint)headers, (uint)segmenter.HeadersLength);
            int at = _output.Count;
            if (slices < 0 || !_output.TryAdd(header, unfinished, new ReadOnlySpan<GuestSegment>(_slices, slices + 1)))
            {
                segmenter.Restore(before);
                return false;
            }

            segmenter.WriteHeaders(headers, _slices + 1, slices, finishChecksum);
            _turn.TakeDescriptors(slices);
            _turn.TakeCopies(1, finishChecksum ? segmenter.SegmentSize : 0);
            _scratchUsed += slot;
            SetOrigin(at, segmenter.Next - 1);
        }

        return true;
    }

    /// <summary>The fast way for segments between the first and the last; false when there is none or no room.</summary>
    private bool AddMiddleSegments(Segmenter segmenter, uint slot)
    {
        int first = _output!.Count;
        int segments = _output.Chains.SegmentsUsed;
        int most = Math.Min(RoundMax - first, (int)((ScratchLength - _scratchUsed) / slot));
        int added = segmenter.AddMiddle(_output, _slices, SlicesMax, _scratch + _scratchUsed, slot, most);
        uint origin = ((uint)_position << 16) + (uint)(segmenter.Next - added);
        foreach (ref uint entry in _origins.AsSpan(first, added))
        {
            entry = origin++;
        }

        _scratchUsed += (uint)added * slot;
        _turn.TakeDescriptors(_output.Chains.SegmentsUsed - segments);
        _turn.TakeCopies(added, 0);
        return added > 0;
    }

    private void SetOrigin(int output, int segment) => _origins[output] = ((uint)_position << 16) + (uint)segment;
}
