using System.Text.Json;

namespace VhostNet.Daemon.Handover;

/// <summary>One port or network of a configuration.</summary>
/// <param name="List">The list that it belongs to: ports or networks.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">The object; null for one that only a command line describes.</param>
/// <param name="IsFromCommandLine">Whether a command line made it, so that the object says only what was changed since.</param>
internal sealed record ItemRecord(string List, string Name, JsonElement? Value, bool IsFromCommandLine = false);
