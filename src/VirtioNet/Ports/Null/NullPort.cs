using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

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
    public override PortState Save() => new();

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) => this.Swallow(burst, frames);
}
