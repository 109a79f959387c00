using System.Diagnostics;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.InProcess;

/// <summary>
/// Bare work on memory of the same kind as a guest's (shared pages of a memfd, which take half as long again as the heap's): a copy, a checksum, or both one after the other, of so
/// many bytes at a time, with as much memory as the case walks through. The copy may go to buffers that each take a piece, as a guest's receive buffers do: the processor's
/// prefetcher begins anew with each, which a copy of one run doesn't meet.
/// </summary>
internal sealed class MemoryFloor : Sampler
{
    private readonly GuestMemory _memory;
    private readonly ulong _from;
    private readonly ulong _to;
    private readonly int _size;
    private readonly bool _copy;
    private readonly bool _checksum;
    private readonly int _sources;
    private readonly int _targets;
    private readonly int _piece;
    private readonly int _buffer;
    private int _source;
    private int _target;
    private ulong _sum;

    /// <summary>Makes the memory.</summary>
    /// <param name="size">Bytes of a unit.</param>
    /// <param name="copy">Copy it.</param>
    /// <param name="checksum">Sum it.</param>
    /// <param name="sources">Units that are walked through.</param>
    /// <param name="targets">Buffers that are walked through.</param>
    /// <param name="piece">Bytes that go into a buffer; 0 for the whole unit.</param>
    /// <param name="buffer">Bytes of a buffer; 0 for a unit's.</param>
    public MemoryFloor(int size, bool copy, bool checksum, int sources = 16, int targets = 16, int piece = 0, int buffer = 0)
    {
        (_size, _copy, _checksum, _sources, _targets) = (size, copy, checksum, sources, targets);
        _piece = piece == 0 ? size : piece;
        _buffer = buffer == 0 ? size : buffer;
        ulong page = (ulong)Environment.SystemPageSize;
        ulong length = ((ulong)((size * sources) + (_buffer * targets)) / page + 4) * page;
        _memory = GuestMemory.Create(length);
        _from = _memory.Allocate((ulong)(size * sources));
        _to = _memory.Allocate((ulong)(_buffer * targets));
        From.Fill(0x5a);
        To.Fill(0x5a);
    }

    private Span<byte> From => _memory.Bytes(_from, _size * _sources);

    private Span<byte> To => _memory.Bytes(_to, _buffer * _targets);

    /// <inheritdoc/>
    public override double Sample()
    {
        ReadOnlySpan<byte> from = From;
        Span<byte> to = To;
        long start = Stopwatch.GetTimestamp();
        long enough = start + (SampleNs * Stopwatch.Frequency / 1_000_000_000);
        long times = 0;
        long now;
        do
        {
            for (int i = 0; i < _sources; i++)
            {
                Work(from.Slice(_source * _size, _size), to);
                _source = (_source + 1) % _sources;
            }

            times += _sources;
            now = Stopwatch.GetTimestamp();
        }
        while (now < enough);

        return (now - start) * 1e9 / Stopwatch.Frequency / times;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        GC.KeepAlive(_sum);
        _memory.Dispose();
    }

    private void Work(ReadOnlySpan<byte> from, Span<byte> to)
    {
        for (int at = 0; _copy && at < _size; at += _piece)
        {
            from.Slice(at, Math.Min(_piece, _size - at)).CopyTo(to[(_target * _buffer)..]);
            _target = (_target + 1) % _targets;
        }

        if (_checksum)
        {
            _sum += InternetChecksum.Finish(InternetChecksum.Sum(from));
        }
    }
}
