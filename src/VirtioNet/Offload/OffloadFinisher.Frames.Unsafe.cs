using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <content>Frames that stay one frame: as they are, or with their checksum finished.</content>
internal sealed unsafe partial class OffloadFinisher
{
    /// <summary>Up to here headers are copied in front of the checksum field; a field further behind is patched between two slices.</summary>
    private const int HeadMax = 192;

    private bool _disposed;

    // SAFETY: the cast only names the chain's own entries of the segment array, which Segment checked at both ends.
    private bool AddWhole(int frame, in VirtioNetHeader header)
    {
        FrameBurst source = _source!;
        ref Chain chain = ref source[frame];
        int at = _output!.Count;
        bool added;
        if (chain.SegmentCount == 1)
        {
            added = _output.TryAdd(header, chain.Address, chain.Length);
        }
        else
        {
            _ = source.Chains.Segment(chain.SegmentStart + chain.SegmentCount - 1);
            added = _output.TryAdd(header, MemoryMarshal.CreateReadOnlySpan(ref source.Chains.Segment(chain.SegmentStart), chain.SegmentCount));
        }

        if (added)
        {
            SetOrigin(at, 0);
        }

        return added;
    }

    // SAFETY: the field's place was checked against the frame's length; slices and scratch are bounded below.
    private bool AddChecksummed(int frame, in VirtioNetHeader header)
    {
        FrameBurst source = _source!;
        uint length = source[frame].TotalLength;
        if (!VirtioNetHeaderCheck.IsChecksumValid(header, length))
        {
            _badHeaders++;
            return true;
        }

        // What lies in scratch begins at the frame's begin, or at the field itself when that is far away.
        uint field = (uint)header.CsumStart + header.CsumOffset;
        uint begin = field + sizeof(ushort) <= HeadMax ? 0 : field;
        uint end = field + sizeof(ushort);
        if (_scratchUsed + HeadMax > ScratchLength)
        {
            return false;
        }

        byte* scratch = _scratch + _scratchUsed;
        _ = source.CopyTo(frame, (int)begin, new Span<byte>(scratch, (int)(end - begin)));
        var cursor = new FrameCursor(source, frame);
        int before = cursor.Take(begin, _slices, SlicesMax - 1);
        if (before < 0)
        {
            return false;
        }

        _slices[before] = new GuestSegment((nint)scratch, end - begin);
        cursor.Skip(end - begin);
        int after = cursor.Take(length - end, _slices + before + 1, SlicesMax - 1 - before);
        int at = _output!.Count;
        if (after < 0 || !_output.TryAdd(default, new ReadOnlySpan<GuestSegment>(_slices, before + 1 + after)))
        {
            return false;
        }

        _turn.TakeDescriptors(before + 1 + after);
        _turn.TakeCopies(1, length);
        ushort checksum = InternetChecksum.FinishTransport(SumFrom(header.CsumStart, before + 1 + after));
        Unsafe.WriteUnaligned(scratch + (field - begin), checksum);
        _scratchUsed += HeadMax;
        SetOrigin(at, 0);
        return true;
    }

    // SAFETY: the first count slices were just filled with checked memory.
    private ulong SumFrom(uint start, int count)
    {
        ulong sum = 0;
        uint before = 0;
        for (int i = 0; i < count; i++)
        {
            GuestSegment slice = _slices[i];
            if (start >= slice.Length)
            {
                start -= slice.Length;
                continue;
            }

            uint length = slice.Length - start;
            sum = InternetChecksum.Append(sum, before, (byte*)slice.Address + start, length);
            before += length;
            start = 0;
        }

        return sum;
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_scratch);
            NativeMemory.AlignedFree(_slices);
            _scratch = null;
            _slices = null;
        }
    }
}
