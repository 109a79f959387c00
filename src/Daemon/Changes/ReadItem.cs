using System.Text.Json;

namespace VhostNet.Daemon.Changes;

/// <summary>One port, network or thread of a configuration file.</summary>
/// <param name="List">The list that it belongs to: ports, networks or threads.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">The object.</param>
internal sealed record ReadItem(string List, string Name, JsonElement Value)
{
    /// <summary>What it is called in messages, as in <c>ports.vm0</c>.</summary>
    public string Item => $"{List}.{Name}";
}
