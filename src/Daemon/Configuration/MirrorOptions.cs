namespace VhostNet.Daemon.Configuration;

/// <summary>A switch's mirror.</summary>
/// <param name="Target">Name of the port that gets the copies.</param>
/// <param name="From">Names of the ports whose incoming frames are copied; null for all.</param>
/// <param name="To">Names of the ports whose outgoing frames are copied; null for all.</param>
internal sealed record MirrorOptions(string Target, IReadOnlyList<string>? From, IReadOnlyList<string>? To);
