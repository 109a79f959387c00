using VhostNet.Aio;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Null;

/// <summary>A port that swallows and counts whatever it is given, and sends nothing.</summary>
/// <param name="name">The port's name.</param>
public sealed class NullPort(string name) : Port(name)
{
    /// <inheritdoc/>
    public override string Kind => "null";

    /// <inheritdoc/>
    public override Offloads Accepts => Offloads.All;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        long bytes = 0;
        foreach (ushort frame in frames)
        {
            bytes += burst[frame].TotalLength;
        }

        // Several data threads may be here at once; one pair of atomics a burst keeps the counters exact.
        Interlocked.Add(ref EgressCounters.Frames, frames.Length);
        Interlocked.Add(ref EgressCounters.Bytes, bytes);
        return frames.Length;
    }
}
