namespace VhostNet.Ctl.Top;

/// <summary>A port or a queue in an interval.</summary>
/// <param name="Port">The port.</param>
/// <param name="Queue">The queue, as in <c>0rx</c>; empty for the port as a whole.</param>
/// <param name="Kind">The port's kind, or the queue's thread.</param>
/// <param name="State">Whether it is up, or runs.</param>
/// <param name="FramesIn">Frames a second that came in by the port; of a transmit queue, its frames.</param>
/// <param name="BitsIn">Bits a second of those.</param>
/// <param name="FramesOut">Frames a second that left by the port; of a receive queue, its frames.</param>
/// <param name="BitsOut">Bits a second of those.</param>
/// <param name="Drops">Drops a second.</param>
/// <param name="Reasons">Why, the most frequent reasons first.</param>
internal sealed record TopRow(
    string Port, string Queue, string Kind, string State, double FramesIn, double BitsIn, double FramesOut, double BitsOut, double Drops, string Reasons)
{
    /// <summary>Part of the ring's descriptors that waited; negative when there is no ring.</summary>
    public double Fill { get; init; } = -1;

    /// <summary>Frames a burst; 0 when there was none.</summary>
    public double FramesPerBurst { get; init; }

    /// <summary>Part of the interrupts that the guest did not want; negative when there was none.</summary>
    public double CallsAvoided { get; init; } = -1;

    /// <summary>Part of its thread that the queue took; negative when that is not known.</summary>
    public double Busy { get; init; } = -1;

    /// <summary>Sessions so far.</summary>
    public long Sessions { get; init; }
}
