namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>What a <c>null</c> port is asked to be: it has no keys of its own.</summary>
internal sealed record NullPortOptions;
