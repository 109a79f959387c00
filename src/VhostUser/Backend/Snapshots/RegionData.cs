using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>A region of guest memory in a <see cref="SessionData"/>.</summary>
/// <param name="Description">What the front end said of it.</param>
/// <param name="Descriptor">Its file.</param>
public sealed record RegionData(MemoryRegionDescription Description, int Descriptor);
