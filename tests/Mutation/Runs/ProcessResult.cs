namespace VhostNet.Mutation.Runs;

/// <summary>How a child process ended.</summary>
/// <param name="ExitCode">Its status; of no meaning when it was killed.</param>
/// <param name="Output">What it said, both streams.</param>
/// <param name="IsTimeout">It was killed because its time was over.</param>
/// <param name="Time">How long it ran.</param>
internal sealed record ProcessResult(int ExitCode, string Output, bool IsTimeout, TimeSpan Time);
