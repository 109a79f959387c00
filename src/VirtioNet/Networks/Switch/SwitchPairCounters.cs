namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>Frames that went from one port of a switch to another.</summary>
/// <param name="Frames">Frames handed over; what the receiver could not take of them is counted there.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Filtered">Frames withheld: isolation, VLAN membership, or a receiver whose link is down.</param>
public readonly record struct SwitchPairCounters(long Frames, long Bytes, long Filtered)
{
    internal SwitchPairCounters Plus(in SwitchPairCounters other) => new(Frames + other.Frames, Bytes + other.Bytes, Filtered + other.Filtered);
}
