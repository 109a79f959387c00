namespace VhostNet.VhostUser.Virtqueues;

/// <summary>An indirect descriptor table that is being walked.</summary>
/// <param name="Address">Guest address of its first entry.</param>
/// <param name="Host">Where it is mapped, or 0 when it spans two windows and each entry is translated for itself.</param>
/// <param name="Count">Number of entries; 0 when no table is open.</param>
internal readonly record struct IndirectTable(ulong Address, nint Host, int Count);
