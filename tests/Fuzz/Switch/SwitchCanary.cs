namespace VhostNet.Fuzz.Switch;

/// <summary>Switches with a fault built in.</summary>
internal static class SwitchCanary
{
    /// <summary>The name of each fault, a target that has it, and words of the finding that is right.</summary>
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> All =>
    [
        ("a tag that is read again when it is copied", () => new SwitchTarget(SwitchFault.ReadsTwice), ["is read as VLAN", "left with"]),
        ("an inner tag that comes to the front", () => new SwitchTarget(SwitchFault.TakesTwoTags), ["is read as VLAN", "left with"]),
        ("a frame with another port's tag", () => new SwitchTarget(SwitchFault.MixesPorts), ["is read as VLAN"]),
    ];
}
