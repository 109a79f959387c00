using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of networks: what a request means for the present configuration, checked like the configuration file. Pure; any thread.</summary>
internal static class NetworkChanges
{
    /// <summary>The keys whose values can be changed while a network runs.</summary>
    public static IReadOnlyList<string> LiveKeys { get; } = ["mirror"];

    /// <summary>A network shall be as the request says.</summary>
    /// <exception cref="ConfigException">The request is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Put(DaemonOptions now, string name, JsonElement body)
    {
        JsonElement named = LiveDocument.Named(body, name, PathOf(name));
        if (now.Networks.FirstOrDefault(n => n.Name == name) is { } before)
        {
            return Change(now, before, named);
        }

        NetworkOptions network = NetworkReader.Read(ConfigSection.At(named, PathOf(name)));
        DaemonOptions after = LiveChange.Checked(now with { Networks = [.. now.Networks, network] });
        return new LiveChange(composition => composition.AddNetwork(network, after), new ConfigEdit("networks", name, named)) { IsAddition = true };
    }

    /// <summary>A switch shall have another mirror, or none.</summary>
    /// <exception cref="ConfigException">The request is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Patch(DaemonOptions now, string name, JsonElement patch)
    {
        NetworkOptions before = Find(now, name);
        LiveDocument.CheckSame(patch, "name", name, PathOf(name));
        return Change(now, before, LiveDocument.Merge(SourceOf(before), patch));
    }

    /// <summary>A network shall be gone.</summary>
    /// <exception cref="RefusalException">There is none, or it has ports.</exception>
    public static LiveChange Delete(DaemonOptions now, string name)
    {
        NetworkOptions network = Find(now, name);
        string[] ports = [.. now.Ports.Where(p => p.Network == name).Select(p => p.Name)];
        if (ports.Length > 0)
        {
            throw new RefusalException(
                RefusalKind.Conflict, $"network {name} joins {string.Join(", ", ports)}; DELETE these ports first, or PATCH them to another \"network\"");
        }

        DaemonOptions after = LiveChange.Checked(now with { Networks = [.. now.Networks.Where(n => n != network)] });
        return new LiveChange(composition => composition.RemoveNetwork(name, after), new ConfigEdit("networks", name, null));
    }

    private static LiveChange Change(DaemonOptions now, NetworkOptions before, JsonElement json)
    {
        NetworkOptions network = NetworkReader.Read(ConfigSection.At(json, PathOf(before.Name)));
        LiveDocument.CheckFixed(SourceOf(before), json, LiveKeys, PathOf(before.Name), $"/networks/{before.Name}");
        DaemonOptions after = LiveChange.Checked(now with { Networks = [.. now.Networks.Select(n => n == before ? network : n)] });
        return new LiveChange(composition => composition.SetMirror(network, after), new ConfigEdit("networks", before.Name, json));
    }

    private static JsonElement SourceOf(NetworkOptions network) => network.Source ?? LiveDocument.Minimal(("name", network.Name), ("kind", network.Kind));

    private static string PathOf(string name) => $"networks.{name}";

    private static NetworkOptions Find(DaemonOptions now, string name) =>
        now.Networks.FirstOrDefault(n => n.Name == name) ?? throw Missing.Network(name, now.Networks.Select(n => n.Name));
}
