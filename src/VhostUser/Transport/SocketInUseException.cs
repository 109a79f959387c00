namespace VhostNet.VhostUser.Transport;

#pragma warning disable CA1032 // The standard constructors would allow one without a sentence on what is in use.
/// <summary>A socket path can't be bound, because a running process answers on it.</summary>
public sealed class SocketInUseException(string message) : IOException(message);
#pragma warning restore CA1032
