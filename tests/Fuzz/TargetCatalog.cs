using VhostNet.Fuzz.Frames;
using VhostNet.Fuzz.Networked;

namespace VhostNet.Fuzz;

/// <summary>All targets by name.</summary>
internal static class TargetCatalog
{
    /// <summary>Each with the seconds that it has in the smoke run.</summary>
    public static IReadOnlyList<(string Name, int SmokeSeconds, Func<FuzzTarget> Create)> All { get; } =
    [
        ("messages", 5, () => new MessagesTarget()),
        ("rings", 5, () => new RingsTarget()),
        ("live-rings", 3, () => new LiveRingsTarget()),
        ("frames", 5, () => new FramesTarget()),
        ("live-frames", 3, () => new FramesTarget(live: true)),
        ("switch", 4, () => new SwitchTarget()),
        ("budget", 4, () => new BudgetTarget()),
        ("ports", 4, () => new PortsTarget()),
        ("lifecycle", 5, () => new LifecycleTarget()),
    ];

    public static bool Contains(string name) => All.Any(t => t.Name == name);

    public static FuzzTarget Create(string name) => All.First(t => t.Name == name).Create();
}
