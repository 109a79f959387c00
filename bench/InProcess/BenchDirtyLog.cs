using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.InProcess;

/// <summary>Counts marks; stands in until the bench maps a real log.</summary>
internal sealed class BenchDirtyLog : IDirtyLog
{
    private ulong _bytes;

    public void Mark(ulong address, ulong length) => _bytes += length;

    public void Flush() => _bytes &= long.MaxValue;
}
