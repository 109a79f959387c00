namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Who handles a message.</summary>
/// <param name="Group">The group that it belongs to.</param>
/// <param name="Handle">Handles it.</param>
internal sealed record MessageHandler(MessageGroup Group, HandleMessage Handle);
