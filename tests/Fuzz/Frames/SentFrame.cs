using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>A frame that was sent as it should be: if it arrives, what arrives is known.</summary>
/// <param name="Template">What it was built from.</param>
/// <param name="Header">Its virtio_net_hdr.</param>
/// <param name="Bytes">The frame as it was sent.</param>
internal sealed record SentFrame(FrameBuilder Template, VirtioNetHeader Header, byte[] Bytes)
{
    private readonly HashSet<(string Guest, int Segment)> _arrivals = [];

    /// <summary>True when it, or a part of it, arrived somewhere.</summary>
    public bool HasArrived => _arrivals.Count > 0;

    /// <summary>Notes that a segment, or with number 0 all of it, arrived; false when the guest has it already.</summary>
    public bool Arrive(string guest, int segment) => _arrivals.Add((guest, segment));
}
