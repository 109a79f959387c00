using System.Text.Json;
using VhostNet.Daemon.Configuration.Ports;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Memory;
using VhostNet.VirtioNet.Networks.Switch;
using RateLimit = VhostNet.VirtioNet.RateLimits.RateLimit;

namespace VhostNet.Daemon.Configuration;

/// <summary>One port.</summary>
/// <param name="Name">Unique name.</param>
/// <param name="Kind">vhost-user, tap, user, responder, udp, null, generator, …</param>
internal sealed record PortOptions(string Name, string Kind) : IConfigItem
{
    /// <summary>The kind of port that a guest connects to.</summary>
    public const string VhostUser = "vhost-user";

    /// <summary>Where the port stands in the configuration, for error texts.</summary>
    public string Path { get; init; } = string.Empty;

    /// <summary>The configuration's object; of a port that a command line made, what was changed since, or null.</summary>
    public JsonElement? Source { get; init; }

    /// <summary>True for a port that a command line made, whose <see cref="Source"/> does not say all.</summary>
    public bool IsFromCommandLine { get; init; }

    /// <summary>The network that the port joins, or null while it joins none.</summary>
    public string? Network { get; init; }

    /// <summary>What the port is to a switch; null for the defaults.</summary>
    public SwitchPortOptions? Switch { get; init; }

    /// <summary>Limits what comes in by the port; null for no limit.</summary>
    public RateLimit? ReceiveLimit { get; init; }

    /// <summary>Limits what leaves by the port; null for no limit.</summary>
    public RateLimit? SendLimit { get; init; }

    /// <summary>IoThreads that the port's queues are spread over; empty for the default placement.</summary>
    public IReadOnlyList<string> Threads { get; init; } = [];

    /// <summary>Queue pairs: offered to a guest, opened on a tap.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>MTU in bytes, offered to a guest or set on an interface; null leaves it as it is.</summary>
    public int? Mtu { get; init; }

    /// <summary>Labels of the port's series beside its name and kind, by name.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>vhost-user: the socket.</summary>
    public SocketOptions? Socket { get; init; }

    /// <summary>vhost-user: features that are switched, by the name that QEMU's device property has.</summary>
    public IReadOnlyDictionary<string, bool> Features { get; init; } = new Dictionary<string, bool>();

    /// <summary>vhost-user: what to do with guest memory whose file its owner could shrink.</summary>
    public SealPolicy Seal { get; init; } = SealPolicy.Warn;

    /// <summary>vhost-user: what a front end may make this process keep.</summary>
    public SessionQuotas Quotas { get; init; } = new();

    /// <summary>vhost-user: received frames are moved to the cache that all CPUs share.</summary>
    public bool CacheDemotion { get; init; } = true;

    /// <summary>
    /// Other kinds: what the kind's own keys say, in the record that belongs to it, such as <c>UserOptions</c> or <see cref="TapPortOptions"/>.
    /// </summary>
    public object? KindOptions { get; init; }

    /// <summary>True for a port that a guest connects to.</summary>
    public bool IsVhostUser => Kind == VhostUser;
}
