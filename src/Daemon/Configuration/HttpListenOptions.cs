using System.Net;

namespace VhostNet.Daemon.Configuration;

/// <summary>Where an HTTP endpoint listens: a Unix socket or a loopback address.</summary>
internal sealed record HttpListenOptions
{
    /// <summary>Path of a Unix socket, or null.</summary>
    public string? Path { get; init; }

    /// <summary>Loopback address and port, or null.</summary>
    public IPEndPoint? Address { get; init; }

    /// <summary>Permission bits without others said: 0660. Whoever connects needs the right to write, and the group is meant to.</summary>
    public const uint DefaultMode = 0x1B0;

    /// <summary>Permission bits of the socket file.</summary>
    public uint Mode { get; init; } = DefaultMode;

    /// <summary>User name or number that the socket file shall belong to, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>Group name or number that the socket file shall belong to, or null.</summary>
    public string? Group { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path ?? Address?.ToString() ?? "nowhere";
}
