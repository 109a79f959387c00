using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads one element of <c>networks</c>.</summary>
internal static class NetworkReader
{
    /// <summary>The kinds of network.</summary>
    public static IReadOnlyCollection<string> Kinds { get; } = ["wire", "hairpin", "switch"];

    /// <summary>Reads one network.</summary>
    public static NetworkOptions Read(ConfigSection section)
    {
        string name = ConfigReader.ReadName(section);
        string kind = section.RequiredChoice("kind", [.. Kinds]);
        var network = new NetworkOptions(name, kind) { Path = section.Path, Source = section.Source };
        if (kind == "switch")
        {
            var defaults = new SwitchOptions();
            network = network with
            {
                Switch = new SwitchOptions
                {
                    MacTableCapacity = section.Int("macTableCapacity", 1, SwitchOptions.MacTableCapacityMax) ?? defaults.MacTableCapacity,
                    Ageing = section.Int("ageingSeconds", 1, 30 * 24 * 3600) is { } seconds ? TimeSpan.FromSeconds(seconds) : defaults.Ageing,
                },
                Mirror = section.Section("mirror") is { } mirror ? ReadMirror(mirror) : null,
            };
        }

        section.End();
        return network;
    }

    private static MirrorOptions ReadMirror(ConfigSection section)
    {
        var mirror = new MirrorOptions(section.RequiredText("port", "which port gets the copies"), section.Texts("from"), section.Texts("to"));
        section.End();
        return mirror;
    }
}
