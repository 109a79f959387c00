using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of networks. Pure; any thread.</summary>
internal sealed class NetworkChanges() : ItemChanges<NetworkOptions>("networks", "network", ["mirror"])
{
    /// <inheritdoc/>
    protected override IReadOnlyList<NetworkOptions> Items(DaemonOptions options) => options.Networks;

    /// <inheritdoc/>
    protected override DaemonOptions With(DaemonOptions options, IReadOnlyList<NetworkOptions> items) => options with { Networks = items };

    /// <inheritdoc/>
    protected override JsonElement Document(NetworkOptions item) => item.Source ?? LiveDocument.Minimal(("name", item.Name), ("kind", item.Kind));

    /// <inheritdoc/>
    protected override NetworkOptions ReadNew(JsonElement json, string path) => NetworkReader.Read(ConfigSection.At(json, path));

    /// <inheritdoc/>
    protected override NetworkOptions ReadChanged(NetworkOptions before, JsonElement json, string path)
    {
        NetworkOptions network = NetworkReader.Read(ConfigSection.At(json, path));
        CheckFixed(before, json, path);
        return network;
    }

    /// <inheritdoc/>
    protected override void Add(Composition composition, NetworkOptions item, DaemonOptions after) => composition.AddNetwork(item, after);

    /// <inheritdoc/>
    protected override void Apply(Composition composition, NetworkOptions item, DaemonOptions after) => composition.SetMirror(item, after);

    /// <inheritdoc/>
    protected override void Remove(Composition composition, string name, DaemonOptions after) => composition.RemoveNetwork(name, after);

    /// <inheritdoc/>
    protected override void CheckUnused(DaemonOptions now, string name)
    {
        string[] ports = [.. now.Ports.Where(p => p.Network == name).Select(p => p.Name)];
        if (ports.Length > 0)
        {
            throw new RefusalException(
                RefusalKind.Conflict, $"network {name} joins {string.Join(", ", ports)}; DELETE these ports first, or PATCH them to another \"network\"");
        }
    }
}
