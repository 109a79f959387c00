namespace VhostNet.VirtioNet.Networks;

/// <summary>An address that a port gave to a client, as part of a <see cref="PortState"/>.</summary>
/// <param name="Address">The IPv4 address, most significant byte first.</param>
/// <param name="Client">The client's MAC address.</param>
/// <param name="State">How it stands with the address, as the kind of port numbers that.</param>
/// <param name="LeftNs">Nanoseconds that are left of its time; negative when it is over, <see cref="long.MaxValue"/> for ever.</param>
public sealed record LeaseData(uint Address, ulong Client, int State, long LeftNs);
