namespace VhostNet.Ctl.Tests;

/// <summary>What the tool ended with and said.</summary>
internal sealed record ToolResult(int Status, string Output, string Error);
