using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>An address that a switch knows.</summary>
/// <param name="Vlan">Its VLAN; 0 is that of untagged frames where nothing else is set.</param>
/// <param name="Address">The address.</param>
/// <param name="Port">Name of the port behind which it is.</param>
/// <param name="IsStatic">True when it was configured, false when it was learned.</param>
/// <param name="Age">Ageing ticks since it was last seen.</param>
public sealed record SwitchMacEntry(int Vlan, MacAddress Address, string Port, bool IsStatic, int Age);
