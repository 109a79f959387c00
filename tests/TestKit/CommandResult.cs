namespace VhostNet.TestKit;

/// <summary>What a command in a guest did.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">What it printed on both streams.</param>
public sealed record CommandResult(int Status, string Output);
