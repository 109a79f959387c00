using System.Diagnostics;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.InProcess;

/// <summary>Work on plain arrays: a copy, a checksum, or both one after the other, of so many bytes at a time, with as much memory as the case walks through.</summary>
internal sealed class MemoryFloor(int size, bool copy, bool checksum, int sources = 16, int targets = 16) : Sampler
{
    private readonly byte[] _from = new byte[size * sources];
    private readonly byte[] _to = new byte[size * targets];
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
                Work(_from.AsSpan(_source * size, size), _to.AsSpan(_target * size, size));
                _source = (_source + 1) % sources;
                _target = (_target + 1) % targets;
            }

            times += sources;
            now = Stopwatch.GetTimestamp();
        }
        while (now < enough);

        return (now - start) * 1e9 / Stopwatch.Frequency / times;
    }

    /// <inheritdoc/>
    public override void Dispose() => GC.KeepAlive(_sum);

    private void Work(ReadOnlySpan<byte> from, Span<byte> to)
    {
        if (copy)
        {
            from.CopyTo(to);
        }

        if (checksum)
        {
            _sum += InternetChecksum.Finish(InternetChecksum.Sum(from));
        }
    }
}
