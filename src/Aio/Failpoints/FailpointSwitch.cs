using System.Diagnostics.CodeAnalysis;

namespace VhostNet.Aio.Failpoints;

/// <summary>
/// Whether this process has failpoints: places where tests step into the code that everybody runs. Off unless the program's runtime configuration says so, as
/// those of the test programs do; the JIT and the trimmer take it for a constant then, and leave nothing of a failpoint in the code.
/// </summary>
internal static class FailpointSwitch
{
    /// <summary>Name of the runtime's switch.</summary>
    public const string Name = "VhostNet.Failpoints";

    /// <summary>The process has failpoints. Fixed when it is first asked for; any thread.</summary>
    [FeatureSwitchDefinition(Name)]
    public static bool IsOn { get; } = AppContext.TryGetSwitch(Name, out bool on) && on;
}
