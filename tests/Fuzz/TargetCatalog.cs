using VhostNet.Fuzz.Frames;
using VhostNet.Fuzz.Networked;
using VhostNet.Fuzz.Switch;

namespace VhostNet.Fuzz;

/// <summary>All targets by name.</summary>
internal static class TargetCatalog
{
    /// <summary>Each with the seconds that it has in the smoke run, and how often it comes in a round of the long run.</summary>
    public static IReadOnlyList<(string Name, int SmokeSeconds, int Slices, Func<FuzzTarget> Create)> All { get; } =
    [
        ("messages", 5, 2, () => new MessagesTarget()),
        ("rings", 5, 4, () => new RingsTarget()),
        ("live-rings", 3, 1, () => new LiveRingsTarget()),
        ("frames", 5, 2, () => new FramesTarget()),
        ("live-frames", 3, 1, () => new FramesTarget(live: true)),
        ("switch", 3, 2, () => new SwitchTarget()),
        ("live-switch", 4, 1, () => new LiveSwitchTarget()),
        ("budget", 4, 1, () => new BudgetTarget()),
        ("ports", 4, 1, () => new PortsTarget()),
        ("lifecycle", 5, 1, () => new LifecycleTarget()),
    ];

    public static bool Contains(string name) => All.Any(t => t.Name == name);

    public static FuzzTarget Create(string name) => All.First(t => t.Name == name).Create();
}
