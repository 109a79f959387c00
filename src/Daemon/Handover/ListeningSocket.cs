namespace VhostNet.Daemon.Handover;

/// <summary>A socket that listens.</summary>
/// <param name="Name">The port's name, <c>control</c> or <c>metrics</c>.</param>
/// <param name="Path">The path that it is bound to, or null.</param>
/// <param name="Descriptor">The socket; stays its owner's.</param>
/// <param name="IsOurs">Whether the name goes with the daemon.</param>
internal readonly record struct ListeningSocket(string Name, string? Path, FileDescriptor Descriptor, bool IsOurs);
