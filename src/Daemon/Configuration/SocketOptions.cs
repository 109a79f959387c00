namespace VhostNet.Daemon.Configuration;

/// <summary>The Unix socket of a vhost-user port.</summary>
internal sealed record SocketOptions
{
    /// <summary>Path of the socket; null when <see cref="Fd"/> is given.</summary>
    public string? Path { get; init; }

    /// <summary>An inherited descriptor: a listening socket, or a connection to a front end.</summary>
    public int? Fd { get; init; }

    /// <summary>True to connect to a front end that listens, false to listen.</summary>
    public bool IsClient { get; init; }

    /// <summary>Permission bits of the socket file, or null for what the umask leaves.</summary>
    public uint? Mode { get; init; }

    /// <summary>User name or number that the socket file shall belong to, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>Group name or number that the socket file shall belong to, or null.</summary>
    public string? Group { get; init; }
}
