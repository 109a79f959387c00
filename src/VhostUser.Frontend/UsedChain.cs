namespace VhostNet.VhostUser.Frontend;

/// <summary>A chain that the device gave back.</summary>
/// <param name="Id">What <see cref="DriverQueue.Add(ReadOnlySpan{GuestBuffer}, ulong, bool)"/> returned for it; free to be given to another chain from now
/// on.</param>
/// <param name="Length">How many bytes the device says it wrote.</param>
/// <param name="Cookie">The caller's number for the chain.</param>
public readonly record struct UsedChain(ushort Id, uint Length, ulong Cookie);
