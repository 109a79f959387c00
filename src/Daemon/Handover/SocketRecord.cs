namespace VhostNet.Daemon.Handover;

/// <summary>A socket that listens.</summary>
/// <param name="Name">The port's name, <c>control</c> or <c>metrics</c>.</param>
/// <param name="Path">The path that it is bound to, or null.</param>
/// <param name="Descriptor">Its place.</param>
/// <param name="IsOurs">Whether the name goes with the daemon; false for a service manager's.</param>
internal sealed record SocketRecord(string Name, string? Path, int Descriptor, bool IsOurs);
