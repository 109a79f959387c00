using VhostNet.VirtioNet.Frames;

namespace VhostNet.Fuzz.Frames;

/// <summary>A frame as a guest got it.</summary>
/// <param name="Header">Its virtio_net_hdr; num_buffers is 0 when the guest's header has none.</param>
/// <param name="Bytes">The frame.</param>
internal sealed record ReceivedFrame(VirtioNetHeader Header, byte[] Bytes);
