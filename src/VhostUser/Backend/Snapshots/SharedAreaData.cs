namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>A shared area in a <see cref="SessionData"/>.</summary>
/// <param name="Descriptor">Its file.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Offset">First byte in the file.</param>
public sealed record SharedAreaData(int Descriptor, ulong Size, ulong Offset);
