using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>A frame that was sent as it should be: if it arrives, what arrives is known.</summary>
/// <param name="Template">What it was built from.</param>
/// <param name="Header">Its virtio_net_hdr.</param>
/// <param name="Bytes">The frame as it was sent.</param>
internal sealed record SentFrame(FrameBuilder Template, VirtioNetHeader Header, byte[] Bytes)
{
    /// <summary>How often it, or a part of it, arrived.</summary>
    public int Arrivals { get; set; }
}
