namespace VhostNet.VirtioNet.Networks;

/// <summary>A frame that came in by a port and that its receiver holds back, as part of a <see cref="PortState"/>.</summary>
/// <param name="Queue">The port's queue that it came by.</param>
/// <param name="Header">Its virtio_net_hdr, 12 bytes.</param>
/// <param name="Bytes">The frame.</param>
public sealed record HeldFrame(int Queue, byte[] Header, byte[] Bytes);
