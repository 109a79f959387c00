namespace VhostNet.Throughput;

/// <summary>How far apart two processors stand, by the round trip of a cache line between them. The host of a virtual machine moves them.</summary>
internal enum Distance
{
    /// <summary>Two threads of one core: under 100 ns.</summary>
    Sibling,

    /// <summary>Neighbours: 100 to 230 ns.</summary>
    Near,

    /// <summary>230 to 400 ns.</summary>
    Between,

    /// <summary>At opposite ends of the package, or in two: 400 to 800 ns.</summary>
    Far,

    /// <summary>Over 800 ns, or not the same before and after: something else ran, or the host moved a processor. Such windows are not compared.</summary>
    Unsteady,
}
