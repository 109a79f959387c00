namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>The kinds of port other than vhost-user.</summary>
internal static class UplinkKinds
{
    private static readonly UplinkKind[] s_kinds =
    [
        new("user", null, UserUplink.Read),
        new("tap", "interface", TapUplink.Read),
        new("udp", "addresses", DatagramUplink.Read),
        new("stream", "address", StreamUplink.Read),
        new("af-packet", "interface", AfPacketUplink.Read),
        new("responder", null, ResponderUplink.Read),
        new("pcap", "replay", PcapUplink.Read),
        new("null", null, NullUplink.Read),
        new("generator", null, GeneratorUplink.Read),
    ];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_kinds.Select(k => k.Name)];

    /// <summary>The kind of a name, or null.</summary>
    public static UplinkKind? Find(string name) => Array.Find(s_kinds, k => k.Name == name);
}
