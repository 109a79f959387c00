namespace VhostNet.VhostUser.Backend;

/// <summary>A request of the front end that concerns the device as a whole.</summary>
/// <param name="Kind">What is asked.</param>
/// <param name="Value">The message's u64 payload, if it has one: the MAC address in its first six bytes (Announce), the MTU in bytes (SetMtu), the status byte,
/// the process.</param>
public readonly record struct DeviceRequest(DeviceRequestKind Kind, ulong Value);
