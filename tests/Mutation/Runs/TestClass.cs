namespace VhostNet.Mutation.Runs;

/// <summary>A class of tests.</summary>
/// <param name="Project">The project under src that it tests.</param>
/// <param name="Name">Full name.</param>
internal sealed record TestClass(string Project, string Name);
