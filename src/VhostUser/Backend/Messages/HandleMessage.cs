using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Handles one message, whose row in the message table was checked. Control thread.</summary>
/// <param name="payload">Its payload; valid during the call.</param>
/// <param name="descriptors">Its descriptors; those that are not taken are closed afterwards.</param>
/// <exception cref="Protocol.ProtocolException">The message is refused.</exception>
internal delegate void HandleMessage(ReadOnlySpan<byte> payload, FdCollection descriptors);
