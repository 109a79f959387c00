namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>The inflight area in a <see cref="SessionData"/>.</summary>
/// <param name="Descriptor">Its file.</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="QueueCount">Queues.</param>
/// <param name="QueueSize">Descriptors of each.</param>
public sealed record InflightData(int Descriptor, ulong Offset, int QueueCount, int QueueSize);
