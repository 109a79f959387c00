using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Remembers of which frame some segments were taken already. The frame is known again by its first segment and its length; should another frame look the
/// same, it loses its first segments, which no protocol that is segmented minds more than any other loss.
/// </summary>
internal readonly record struct ResumePoint(nint Address, uint Length, int Segment)
{
    public static ResumePoint Of(FrameBurst burst, int frame, int segment) => segment == 0 ? default : new(FirstAddress(burst, frame), burst[frame].TotalLength, segment);

    public bool Matches(FrameBurst burst, int frame) => Segment != 0 && Length == burst[frame].TotalLength && Address == FirstAddress(burst, frame);

    private static nint FirstAddress(FrameBurst burst, int frame)
    {
        ref VhostUser.Virtqueues.Chain chain = ref burst[frame];
        return chain.SegmentCount > 1 ? burst.Chains.Segment(chain.SegmentStart).Address : chain.Address;
    }
}
