using VhostNet.Daemon.Configuration.Ports;
using VhostNet.VhostUser.Memory;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads one element of <c>ports</c>.</summary>
internal static class PortReader
{
    /// <summary>Most queue pairs of a port.</summary>
    public const int QueuePairsMax = 128;

    /// <summary>Least MTU, as NET_SET_MTU allows it.</summary>
    public const int MtuMin = 68;

    /// <summary>Greatest MTU.</summary>
    public const int MtuMax = 65535;

    /// <summary>Spelling of the seal policies.</summary>
    public static IReadOnlyDictionary<string, SealPolicy> SealPolicies { get; } = new Dictionary<string, SealPolicy>(StringComparer.Ordinal)
    {
        ["off"] = SealPolicy.Off,
        ["warn"] = SealPolicy.Warn,
        ["refuse"] = SealPolicy.Refuse,
    };

    /// <summary>The keys whose values can be changed while a port runs.</summary>
    public static IReadOnlyList<string> LiveKeys { get; } = ["network", "limits", "switch"];

    /// <summary>The features that a port's configuration can switch: all that the device has.</summary>
    public static IReadOnlyList<string> SwitchableFeatures { get; } =
        [.. VirtioNetFeatures.ByName.Where(f => (VirtioNetFeatures.All & f.Value) != 0).Select(f => f.Key)];

    /// <summary>Reads one port.</summary>
    public static PortOptions Read(ConfigSection section)
    {
        string name = ConfigReader.ReadName(section);
        string[] kinds = [PortOptions.VhostUser, .. PortKinds.Names];
        string kind = section.RequiredChoice("kind", kinds);
        var port = new PortOptions(name, kind)
        {
            Path = section.Path,
            Source = section.Source,
            Threads = section.Texts("threads") ?? [],
            QueuePairs = section.Int("queuePairs", 1, QueuePairsMax) ?? 1,
            Mtu = section.Int("mtu", MtuMin, MtuMax),
            Labels = section.Section("labels") is { } labels ? LabelReader.Read(labels) : new Dictionary<string, string>(),
        };
        port = ReadLive(section, port);
        port = port.IsVhostUser ? ReadVhostUser(section, port) : port with { KindOptions = PortKinds.Find(kind)!.Read(section) };
        section.End();
        return port;
    }

    /// <summary>Reads what can be changed while a port runs: the keys <see cref="LiveKeys"/>.</summary>
    public static PortOptions ReadLive(ConfigSection section, PortOptions port)
    {
        ConfigSection? limits = section.Section("limits");
        port = port with
        {
            Network = section.Text("network"),
            Switch = section.Section("switch") is { } place ? SwitchPortReader.Read(place) : null,
            ReceiveLimit = limits is null ? null : ReadLimit(limits, "in"),
            SendLimit = limits is null ? null : ReadLimit(limits, "out"),
        };
        limits?.End();
        return port;
    }

    private static RateLimit? ReadLimit(ConfigSection section, string direction)
    {
        if (section.Section(direction) is not { } values)
        {
            return null;
        }

        var limit = new RateLimit
        {
            FramesPerSecond = values.Number("framesPerSecond", 0, long.MaxValue / 1000) ?? 0,
            BytesPerSecond = values.Number("bytesPerSecond", 0, long.MaxValue / 1000) ?? 0,
            BurstFrames = values.Number("burstFrames", 0, int.MaxValue) ?? 0,
            BurstBytes = values.Number("burstBytes", 0, int.MaxValue) ?? 0,
        };
        values.End();
        return limit;
    }

    private static PortOptions ReadVhostUser(ConfigSection section, PortOptions port) => port with
    {
        Socket = ReadSocket(section.RequiredSection("socket", "a vhost-user port needs it, for example {\"path\": \"/run/vhostnet/guest.sock\"}")),
        Features = section.Section("features") is { } features ? ReadFeatures(features) : new Dictionary<string, bool>(),
        Seal = section.Choice("seal", SealPolicies) ?? SealPolicy.Warn,
        Quotas = QuotaReader.ReadSession(section),
        CacheDemotion = section.Switch("cacheDemotion") ?? true,
    };

    private static SocketOptions ReadSocket(ConfigSection section)
    {
        string? path = section.Text("path");
        int? fd = section.Int("fd", 3, int.MaxValue);
        if (!section.HasOne("path", "fd"))
        {
            throw section.Error("path", "either \"path\" or \"fd\" has to say which socket it is, and not both");
        }

        var socket = new SocketOptions
        {
            Path = path is null ? null : ValueParsers.SocketPath(path, out string problem) ?? throw section.Error("path", problem),
            Fd = fd,
            IsClient = section.Choice("role", "server", "client") == "client",
            Mode = ConfigReader.ReadMode(section),
            Owner = section.Text("owner"),
            Group = section.Text("group"),
        };
        section.End();
        return socket;
    }

    private static Dictionary<string, bool> ReadFeatures(ConfigSection section)
    {
        var features = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (string name in SwitchableFeatures)
        {
            if (section.Switch(name) is { } on)
            {
                features[name] = on;
            }
        }

        section.End();
        return features;
    }
}
