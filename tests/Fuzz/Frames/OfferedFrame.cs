namespace VhostNet.Fuzz.Frames;

/// <summary>What an attacker puts into one chain.</summary>
/// <param name="Bytes">virtio_net_hdr and frame.</param>
/// <param name="IsGood">It is as it should be, and is sent in a good chain.</param>
internal sealed record OfferedFrame(byte[] Bytes, bool IsGood);
