using System.Diagnostics;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.InProcess;

/// <summary>
/// Work on plain arrays: a copy, a checksum, or both one after the other, of so many bytes at a time, with as much memory as the case walks through. The copy may go to buffers that
/// each take a piece, as a guest's receive buffers do: the processor's prefetcher begins anew with each, which a copy of one run doesn't meet.
/// </summary>
internal sealed class MemoryFloor(int size, bool copy, bool checksum, int sources = 16, int targets = 16, int piece = 0, int buffer = 0) : Sampler
{
    private readonly int _piece = piece == 0 ? size : piece;
    private readonly int _buffer = buffer == 0 ? size : buffer;
    private readonly byte[] _from = new byte[size * sources];
    private readonly byte[] _to = new byte[(buffer == 0 ? size : buffer) * targets];
    private int _source;
    private int _target;
    private ulong _sum;

    /// <inheritdoc/>
    public override double Sample()
    {
        long start = Stopwatch.GetTimestamp();
        long enough = start + (SampleNs * Stopwatch.Frequency / 1_000_000_000);
        long times = 0;
        long now;
        do
        {
            for (int i = 0; i < sources; i++)
            {
                Work(_from.AsSpan(_source * size, size));
                _source = (_source + 1) % sources;
            }

            times += sources;
            now = Stopwatch.GetTimestamp();
        }
        while (now < enough);

        return (now - start) * 1e9 / Stopwatch.Frequency / times;
    }

    /// <inheritdoc/>
    public override void Dispose() => GC.KeepAlive(_sum);

    private void Work(ReadOnlySpan<byte> from)
    {
        for (int at = 0; copy && at < size; at += _piece)
        {
            ReadOnlySpan<byte> part = from.Slice(at, Math.Min(_piece, size - at));
            part.CopyTo(_to.AsSpan(_target * _buffer));
            _target = (_target + 1) % targets;
        }

        if (checksum)
        {
            _sum += InternetChecksum.Finish(InternetChecksum.Sum(from));
        }
    }
}
