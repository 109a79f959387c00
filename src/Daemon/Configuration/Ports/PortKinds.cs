namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>The kinds of port other than vhost-user. What makes a port of what they read is the factory of the hosting room.</summary>
internal static class PortKinds
{
    private static readonly PortKind[] s_kinds =
    [
        new("user", null, UserPortReader.Read),
        new("tap", "interface", TapPortReader.Read),
        new("udp", "addresses", DatagramPortReader.Read),
        new("stream", "address", StreamPortReader.Read),
        new("af-packet", "interface", AfPacketPortReader.Read),
        new("responder", null, ResponderPortReader.Read),
        new("pcap", "replay", PcapPortReader.Read),
        new("null", null, static _ => new NullPortOptions()),
        new("generator", null, GeneratorPortReader.Read),
    ];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_kinds.Select(k => k.Name)];

    /// <summary>The kind of a name, or null.</summary>
    public static PortKind? Find(string name) => Array.Find(s_kinds, k => k.Name == name);
}
