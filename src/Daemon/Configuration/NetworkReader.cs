namespace VhostNet.Daemon.Configuration;

/// <summary>Reads one element of <c>networks</c>.</summary>
internal static class NetworkReader
{
    /// <summary>The kinds of network.</summary>
    public static IReadOnlyCollection<string> Kinds { get; } = ["wire", "hairpin"];

    /// <summary>Reads one network.</summary>
    public static NetworkOptions Read(ConfigSection section)
    {
        string name = ConfigReader.ReadName(section);
        string kind = section.Choice("kind", [.. Kinds]) ?? throw section.Error("kind", $"is missing; it is one of {string.Join(", ", Kinds)}");
        section.End();
        return new NetworkOptions(name, kind) { Path = section.Path };
    }
}
