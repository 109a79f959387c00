namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>All attacks. The triggers are those of issue 11, "No guest can hurt another".</summary>
internal static class AttackCatalog
{
    /// <summary>What an innocent pair on the attacked thread keeps of its rate.</summary>
    private const double Usual = 0.9;

    /// <summary>The same where the attack is work that a thread has to do for somebody, in turns.</summary>
    private const double UnderWork = 0.7;

    public static IReadOnlyList<AttackRow> All { get; } =
    [
        new("full-ring-stop", "1", Usual, () => new FullRingStop("interrupt")),
        new("full-ring-stop-adaptive", "1", Usual, () => new FullRingStop("adaptive")),
        new("kick-without-descriptor", "2", Usual, () => new KickWithoutDescriptor()),
        new("user-udp-flows", "3", Usual, () => new UserFlows(tcp: false)),
        new("user-tcp-flows", "3", Usual, () => new UserFlows(tcp: true)),
        new("region-hog", "3", Usual, () => new RegionHog()),
        new("malformed-receive", "4a", UnderWork, () => new MalformedReceive()),
        new("empty-loop", "4b", UnderWork, () => new EmptyLoop()),
        new("segment-flood", "4c", UnderWork, () => new SegmentFlood()),
        new("stream-fast-peer", "4d", Usual, () => new StreamFastPeer()),
        new("many-mappings", "4e", Usual, () => new ManyMappings()),
        new("vlan-priority-tag", "5a", Usual, () => new VlanPriorityTag()),
        new("vlan-rewrite", "5b", Usual, () => new VlanRewrite()),
        new("forward-never-accepts", "6", Usual, () => new ForwardNeverAccepts()),
        new("rarp-flood", "7", Usual, () => new RarpFlood()),
        new("packed-scan", "7", Usual, () => new PackedScan()),
        new("capture-through-link", "7", Usual, () => new CaptureThroughLink()),
        new("fragment-to-user", "8", Usual, () => new FragmentToUser()),
        new("full-call-notifier", "9a", Usual, () => new FullCallNotifier()),
        new("silent-service-manager", "9b", Usual, () => new SilentServiceManager()),
        new("pcap-fifo", "9c", Usual, () => new PcapFifo()),
        new("feature-flood", "9c", Usual, () => new FeatureFlood()),
        new("stream-last-descriptor", "10", Usual, () => new StreamLastDescriptor()),
        new("long-dns-list", "10", Usual, () => new LongDnsList()),
        new("odd-timestamps", "11", Usual, () => new OddTimestamps()),
        new("accept-and-close", "12", Usual, () => new AcceptAndClose()),
        new("zero-byte-in-path", "12", Usual, () => new ZeroByteInPath()),
        new("silent-collector", "12", Usual, () => new SilentCollector()),
    ];

    public static AttackRow? Find(string name) => All.FirstOrDefault(a => a.Name == name);
}
