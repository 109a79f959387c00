using System.Buffers.Binary;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Captures;

/// <summary>Takes a capture as it comes, in pieces of any size, and tells its frames one by one.</summary>
/// <param name="onFrame">Told each frame: its time in nanoseconds since 1970, its length, and the bytes that were kept. Null only counts.</param>
internal sealed class PcapParser(PcapParser.FrameHandler? onFrame)
{
    private const uint MagicNanoseconds = 0xa1b23c4d;
    private const int FileHeaderSize = 24;
    private const int RecordHeaderSize = 16;
    private const int KeptMax = 262144;
    private byte[] _held = new byte[4096];
    private int _count;
    private bool _begun;

    /// <summary>Takes one frame.</summary>
    /// <param name="timeNs">When it passed, in nanoseconds since 1970.</param>
    /// <param name="length">Its bytes on the wire.</param>
    /// <param name="kept">Those that were recorded.</param>
    public delegate void FrameHandler(long timeNs, int length, ReadOnlySpan<byte> kept);

    /// <summary>Whole frames so far.</summary>
    public long Frames { get; private set; }

    /// <summary>Takes the next piece.</summary>
    /// <exception cref="CtlException">It is no capture.</exception>
    public void Feed(ReadOnlySpan<byte> piece)
    {
        if (_count + piece.Length > _held.Length)
        {
            Array.Resize(ref _held, Math.Max(_count + piece.Length, _held.Length * 2));
        }

        piece.CopyTo(_held.AsSpan(_count));
        _count += piece.Length;
        int used = 0;
        while (Take(_held.AsSpan(used, _count - used)) is > 0 and int size)
        {
            used += size;
        }

        _held.AsSpan(used, _count - used).CopyTo(_held);
        _count -= used;
    }

    private int Take(ReadOnlySpan<byte> held)
    {
        if (!_begun)
        {
            if (held.Length < FileHeaderSize)
            {
                return 0;
            }

            _begun = BinaryPrimitives.ReadUInt32LittleEndian(held) == MagicNanoseconds
                ? true
                : throw new CtlException(CtlExit.Unreachable, "what the daemon sent is no capture with nanoseconds");
            return FileHeaderSize;
        }

        if (held.Length < RecordHeaderSize)
        {
            return 0;
        }

        int kept = BinaryPrimitives.ReadInt32LittleEndian(held[8..]);
        if (kept is < 0 or > KeptMax)
        {
            throw new CtlException(CtlExit.Unreachable, "what the daemon sent is no capture any more: a record is longer than one can be");
        }

        if (held.Length < RecordHeaderSize + kept)
        {
            return 0;
        }

        Frames++;
        long time = (BinaryPrimitives.ReadUInt32LittleEndian(held) * 1_000_000_000L) + BinaryPrimitives.ReadUInt32LittleEndian(held[4..]);
        onFrame?.Invoke(time, BinaryPrimitives.ReadInt32LittleEndian(held[12..]), held.Slice(RecordHeaderSize, kept));
        return RecordHeaderSize + kept;
    }
}
