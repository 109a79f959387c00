using VhostNet.VirtioNet.Networks;

namespace VhostNet.InProcess;

/// <summary>Large TCP frames to a guest that takes no segmentation offload: each is cut into 45 frames and checksummed on the way. A unit is the large frame.</summary>
internal sealed class SegmentRig(GuestShape sender, GuestShape receiver)
    : NetworkRig(new WireNetwork("wire"), 2, 1, sender, Frames.Tcp, copies: SegmentRig.Segments, receiver)
{
    private const int Segments = 45;

    /// <inheritdoc/>
    public override double Sample() => base.Sample() * Segments;
}
