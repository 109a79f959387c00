using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Frames;

/// <summary>Walks the segments of consecutive chains of a burst, for copies that the one-segment path can't do.</summary>
// SAFETY: all addresses come from checked segments of a burst that is in use; Advance never passes a segment's end.
internal unsafe ref struct SegmentCursor
{
    private readonly ChainBurst _burst;
    private readonly int _lastChain;
    private int _chain;
    private int _segment;
    private byte* _at;
    private uint _left;

    /// <summary>A cursor over chains <paramref name="firstChain"/> to <paramref name="lastChain"/>, both included.</summary>
    public SegmentCursor(ChainBurst burst, int firstChain, int lastChain)
    {
        _burst = burst;
        _chain = firstChain;
        _lastChain = lastChain;
        _segment = -1;
        NextSegment();
    }

    /// <summary>Index of the chain that the cursor stands in.</summary>
    public readonly int ChainIndex => _chain;

    /// <summary>True when nothing is left.</summary>
    public readonly bool AtEnd => _left == 0;

    /// <summary>Copies up to <paramref name="length"/> bytes from <paramref name="source"/> to here, and moves both on.</summary>
    /// <returns>The bytes copied: fewer only when one of the two ended.</returns>
    public uint CopyFrom(ref SegmentCursor source, uint length)
    {
        uint copied = 0;
        while (copied < length && _left > 0 && source._left > 0)
        {
            uint piece = Math.Min(Math.Min(_left, source._left), length - copied);
            MemoryCopy.Copy(_at, source._at, piece);
            Advance(piece);
            source.Advance(piece);
            copied += piece;
        }

        return copied;
    }

    /// <summary>Copies <paramref name="length"/> bytes of our own memory to here, and moves on; returns the bytes copied.</summary>
    public uint Write(byte* source, uint length)
    {
        uint copied = 0;
        while (copied < length && _left > 0)
        {
            uint piece = Math.Min(_left, length - copied);
            MemoryCopy.Copy(_at, source + copied, piece);
            Advance(piece);
            copied += piece;
        }

        return copied;
    }

    /// <summary>Copies <paramref name="length"/> bytes from here into our own memory, and moves on; returns the bytes copied.</summary>
    public uint Read(byte* destination, uint length)
    {
        uint copied = 0;
        while (copied < length && _left > 0)
        {
            uint piece = Math.Min(_left, length - copied);
            MemoryCopy.Copy(destination + copied, _at, piece);
            Advance(piece);
            copied += piece;
        }

        return copied;
    }

    /// <summary>Moves on by up to <paramref name="length"/> bytes.</summary>
    public void Skip(uint length)
    {
        while (length > 0 && _left > 0)
        {
            uint piece = Math.Min(_left, length);
            Advance(piece);
            length -= piece;
        }
    }

    /// <summary>Adds up the next <paramref name="length"/> bytes for an Internet checksum, and moves on; returns a sum to be folded.</summary>
    public ulong Sum(uint length)
    {
        ulong sum = 0;
        uint before = 0;
        while (before < length && _left > 0)
        {
            uint piece = Math.Min(_left, length - before);
            sum = InternetChecksum.Append(sum, before, _at, piece);
            Advance(piece);
            before += piece;
        }

        return sum;
    }

    private void Advance(uint length)
    {
        _at += length;
        _left -= length;
        if (_left == 0)
        {
            NextSegment();
        }
    }

    private void NextSegment()
    {
        while (true)
        {
            ref Chain chain = ref _burst[_chain];
            if (++_segment < chain.SegmentCount)
            {
                GuestSegment segment = _burst.SegmentOf(in chain, _segment);
                _at = (byte*)segment.Address;
                _left = segment.Length;
                if (_left != 0)
                {
                    return;
                }
            }
            else if (_chain < _lastChain)
            {
                _chain++;
                _segment = -1;
            }
            else
            {
                _left = 0;
                return;
            }
        }
    }
}
