namespace VhostNet.Daemon.Configuration;

/// <summary>The kinds of port other than vhost-user, and the keys that each of them has in the configuration file.</summary>
internal static class UplinkKinds
{
    /// <summary>The kinds.</summary>
    public static IReadOnlyList<string> Names { get; } = ["generator", "null", "responder"];

    /// <summary>Reads the keys of one kind.</summary>
    public static PortOptions Read(ConfigSection section, PortOptions port) => port with { Spec = section.Text("spec") ?? port.Kind };

    /// <summary>Reads the quick form of a port.</summary>
    public static PortOptions Parse(string text, string name)
    {
        string kind = text.Split(':', 2)[0];
        return Names.Contains(kind)
            ? new PortOptions(name, kind) { Path = "--uplink", Spec = text }
            : throw new StartupException(ExitCode.Usage, $"--uplink {text}: \"{kind}\" is unknown; {Suggestion.Clause(kind, ["hairpin", .. Names])}");
    }
}
