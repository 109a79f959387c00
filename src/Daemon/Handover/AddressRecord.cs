namespace VhostNet.Daemon.Handover;

/// <summary>An address that a switch learned.</summary>
/// <param name="Vlan">Its VLAN.</param>
/// <param name="Address">The address.</param>
/// <param name="Port">The port behind which it is.</param>
/// <param name="Age">Ageing ticks since it was last seen.</param>
internal sealed record AddressRecord(int Vlan, ulong Address, string Port, int Age);
