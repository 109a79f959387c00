using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of ports. Pure; any thread.</summary>
internal sealed class PortChanges() : ItemChanges<PortOptions>("ports", "port", PortReader.LiveKeys)
{
    /// <inheritdoc/>
    protected override IReadOnlyList<PortOptions> Items(DaemonOptions options) => options.Ports;

    /// <inheritdoc/>
    protected override DaemonOptions With(DaemonOptions options, IReadOnlyList<PortOptions> items) => options with { Ports = items };

    /// <inheritdoc/>
    protected override JsonElement Document(PortOptions item) =>
        item.Source ?? LiveDocument.Minimal(("name", item.Name), ("kind", item.Kind), ("network", item.Network));

    /// <inheritdoc/>
    protected override PortOptions ReadNew(JsonElement json, string path)
    {
        PortOptions port = PortReader.Read(ConfigSection.At(json, path));
        RefuseDescriptors(json, path);
        return port;
    }

    /// <inheritdoc/>
    protected override PortOptions ReadChanged(PortOptions before, JsonElement json, string path)
    {
        if (!before.IsFromCommandLine)
        {
            // Reads every key, and so refuses unknown ones and impossible values.
            PortReader.Read(ConfigSection.At(json, path));
        }

        CheckFixed(before, json, path);
        PortOptions port = PortReader.ReadLive(ConfigSection.At(json, path), before) with { Source = json };
        return LiveDocument.SameValue(Document(before), json, "switch") ? port with { Switch = before.Switch } : port;
    }

    /// <inheritdoc/>
    protected override void Add(Composition composition, PortOptions item, DaemonOptions after) => composition.AddPort(item, after);

    /// <inheritdoc/>
    protected override void Apply(Composition composition, PortOptions item, DaemonOptions after) => composition.ChangePort(item, after);

    /// <inheritdoc/>
    protected override void Remove(Composition composition, string name, DaemonOptions after) => composition.RemovePort(name, after);

    /// <inheritdoc/>
    protected override void CheckUnused(DaemonOptions now, string name)
    {
        NetworkOptions? network = now.Networks.FirstOrDefault(
            n => n.Mirror is { } mirror && (mirror.Target == name || mirror.From?.Contains(name) == true || mirror.To?.Contains(name) == true));
        if (network is not null)
        {
            throw new RefusalException(
                RefusalKind.Conflict,
                $"port {name} is part of the mirror of switch {network.Name}; end that first with PATCH /networks/{network.Name} {{\"mirror\": null}}");
        }
    }

    // A number would mean one of the daemon's own descriptors.
    private static void RefuseDescriptors(JsonElement body, string path)
    {
        string? key = LiveDocument.Find(body, "fds") is not null ? "fds"
            : LiveDocument.Find(body, "socket") is { } socket && LiveDocument.Find(socket, "fd") is not null ? "socket.fd"
            : null;
        if (key is not null)
        {
            throw new ConfigException($"{path}.{key}", "descriptors are inherited at the start only; name a path or an interface instead");
        }
    }
}
