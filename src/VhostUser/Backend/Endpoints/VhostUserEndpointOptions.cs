using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.State;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>Where an endpoint finds its front ends. Either <see cref="Path"/> or <see cref="Descriptor"/> is given.</summary>
public sealed record VhostUserEndpointOptions
{
    /// <summary>Name of the endpoint in log lines; the path if null.</summary>
    public string? Name { get; init; }

    /// <summary>Listen or connect.</summary>
    public EndpointMode Mode { get; init; } = EndpointMode.Server;

    /// <summary>Path of the Unix socket, at most 107 bytes.</summary>
    public string? Path { get; init; }

    /// <summary>An inherited socket, listening or connected; the endpoint owns it.</summary>
    public FileDescriptor? Descriptor { get; init; }

    /// <summary>
    /// The name that a listening <see cref="Descriptor"/> was bound to by the process before this one, to be removed at the end; null when it is somebody
    /// else's, a service manager's for example.
    /// </summary>
    public string? BoundPath { get; init; }

    /// <summary>Permissions of the socket, as in chmod; null leaves what the umask gives.</summary>
    public uint? SocketMode { get; init; }

    /// <summary>User id that owns the socket; null leaves it.</summary>
    public uint? SocketOwner { get; init; }

    /// <summary>Group id of the socket; null leaves it.</summary>
    public uint? SocketGroup { get; init; }

    /// <summary>Remembers what was offered on this socket, so that a guest that reconnects meets no fewer features; null forgets.</summary>
    public OfferedFeatureStore? OfferedFeatures { get; init; }

    /// <summary>How sessions behave.</summary>
    public SessionOptions Session { get; init; } = new();

    /// <summary>
    /// How many front ends are taken in a second, after twice as many at once: one that comes and goes in a loop makes as much work and garbage as it likes
    /// otherwise. The others wait in the kernel's queue.
    /// </summary>
    public int ConnectionsPerSecond { get; init; } = 100;

    /// <summary>First pause between two attempts to connect, in nanoseconds; it doubles up to <see cref="ReconnectMaxNs"/>.</summary>
    public long ReconnectMinNs { get; init; } = 100_000_000;

    /// <summary>Longest pause between two attempts to connect, in nanoseconds.</summary>
    public long ReconnectMaxNs { get; init; } = 5_000_000_000;

    /// <summary>The clock of those pauses; tests replace it.</summary>
    public AioClock Clock { get; init; } = AioClock.Monotonic;
}
