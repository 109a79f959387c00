namespace VhostNet.Daemon.Handover;

/// <summary>What a network knows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">Its kind, as configuration spells it.</param>
/// <param name="Addresses">The addresses that a switch learned.</param>
internal sealed record NetworkRecord(string Name, string Kind, IReadOnlyList<AddressRecord> Addresses);
