using System.Text.Json;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Configuration;

/// <summary>One network.</summary>
/// <param name="Name">Unique name.</param>
/// <param name="Kind">wire, hairpin or switch.</param>
internal sealed record NetworkOptions(string Name, string Kind) : IConfigItem
{
    /// <summary>Switch: size and ageing of its address table.</summary>
    public SwitchOptions? Switch { get; init; }

    /// <summary>Switch: the port that looks on, or null.</summary>
    public MirrorOptions? Mirror { get; init; }

    /// <summary>The configuration's object, or null when the network comes from a command line.</summary>
    public JsonElement? Source { get; init; }

    /// <summary>Where the network stands in the configuration, for error texts.</summary>
    public string Path { get; init; } = string.Empty;
}
