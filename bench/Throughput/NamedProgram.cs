namespace VhostNet.Throughput;

/// <summary>A further build of the daemon that is compared.</summary>
/// <param name="Name">What the tables call it.</param>
/// <param name="Program">Its file.</param>
internal sealed record NamedProgram(string Name, string Program);
