using System.Text.Json;

namespace VhostNet.Daemon.Changes;

/// <summary>What a change makes of one element of a configuration file.</summary>
/// <param name="List">The list that it belongs to: ports, networks or threads.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">The element as it shall be; null when it shall not be there.</param>
internal sealed record ConfigEdit(string List, string Name, JsonElement? Value);
