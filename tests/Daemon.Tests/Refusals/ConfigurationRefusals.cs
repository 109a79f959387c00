namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>What a configuration file can be refused for without a look at the machine.</summary>
internal static class ConfigurationRefusals
{
    private const string Many = "\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\",\"9.9.9.9\"";

    public static IEnumerable<Refusal> All =>
    [
        .. Document, .. Top, .. Threads, .. Networks, .. Ports, .. SwitchPorts, .. Uplinks,
    ];

    private static IEnumerable<Refusal> Document =>
    [
        In("ports: there is none, so there is nothing to do; add a port, for example {\"name\": \"guest\", \"kind\": \"vhost-user\", …}, or \"control\": {\"path\": …} to add ports by", "{}"),
        In("line 1, byte 3: not valid JSON: *", "{ ports }"),
        In("port: unknown key; did you mean \"ports\"?", """{"port": []}"""),
        In("ports: an object stands where a list [{…}, …] is expected", """{"ports": {}}"""),
        In("ports[0]: 1 stands where an object {…} is expected", """{"ports": [1]}"""),
        In("ports[0].name: the text holds a zero byte (\\u0000) after 1 characters, where the kernel would take it to end; leave the zero byte out", """{"ports": [{"name": "a\u0000"}]}"""),
        In("ports[0].name: the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself", """{"ports": [{"name": "\ud800"}]}"""),
        In("a key holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself", """{"\ud800": 1}"""),
    ];

    private static IEnumerable<Refusal> Top =>
    [
        In("control.path: is missing; it has to say where the control socket shall be", """{"control": {}}"""),
        In("control.path: an empty text is of no use here; leave the key out instead", """{"control": {"path": ""}}"""),
        In("control.path: the socket path \"*\" takes * bytes; the kernel allows 107, choose a shorter directory", "{\"control\": {\"path\": \"/" + new string('x', 120) + "\"}}"),
        In("control.mode: \"rw\" is no file mode; write it in octal as chmod does, for example \"0660\"", """{"control": {"path": "/c", "mode": "rw"}}"""),
        In("descriptors.reserve: 2000000000 is more than half of the * descriptors that this process may have; give less, or raise the limit (LimitNOFILE= of the unit, ulimit -n)",
            """{"descriptors": {"reserve": 2000000000}}"""),
        In("descriptors.reserve: 1 stands where a whole number from 16 to 2147483647 is expected", """{"descriptors": {"reserve": 1}}"""),
        In("metrics.prometheus: \"localhost\" is no place to listen at; write unix:PATH or an address with a port, for example 127.0.0.1:9464", """{"metrics": {"prometheus": "localhost"}}"""),
        In("metrics.otlp.endpoint: is missing; it has to say the collector's address, for example http://127.0.0.1:4317", """{"metrics": {"otlp": {}}}"""),
        In("metrics.otlp.endpoint: \"collector:4317\" is no address of a collector; write for example http://127.0.0.1:4317", """{"metrics": {"otlp": {"endpoint": "collector:4317"}}}"""),
        In("log.level: \"verbose\" is unknown; known here: debug, error, info, trace, warning", """{"log": {"level": "verbose"}}"""),
        In("log.sources.X: \"loud\" is unknown; known here: debug, error, info, trace, warning", """{"log": {"sources": {"X": "loud"}}}"""),
        In("debug.stall: \"on\" stands where true or false is expected", """{"debug": {"stall": "on"}}"""),
        In("debug.stall: is of no use without a control socket; add \"control\": {\"path\": …}", """{"debug": {"stall": true}, "ports": [{"name": "a", "kind": "null"}]}"""),
    ];

    private static IEnumerable<Refusal> Threads =>
    [
        In("threads[0].name: is missing; it has to say how this is called in logs, metrics and other keys", """{"threads": [{}]}"""),
        In("threads[0].name: \"a b\" can't be a name; use 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit", """{"threads": [{"name": "a b"}]}"""),
        In("threads[0].poll: \"bussy\" is unknown; did you mean \"busy\"?", """{"threads": [{"name": "t", "poll": "bussy"}]}"""),
        In("threads[0].name: \"control\" is the name of the daemon's own thread; choose another one", """{"threads": [{"name": "control"}], "ports": [{"name": "a", "kind": "null"}]}"""),
        In("threads[0].pollMaxMicroseconds: applies to \"poll\": \"adaptive\" only; leave it out",
            """{"threads": [{"name": "t", "poll": "busy", "pollMaxMicroseconds": 5}], "ports": [{"name": "a", "kind": "null"}]}"""),
        In("threads: two of them have \"name\" t; it has to be unique", """{"threads": [{"name": "t"}, {"name": "t"}], "ports": []}"""),
    ];

    private static IEnumerable<Refusal> Networks =>
    [
        In("networks[0].kind: is missing; it is one of wire, hairpin, switch", """{"networks": [{"name": "n"}]}"""),
        In("networks[0].mirror.port: is missing; it has to say which port gets the copies", """{"networks": [{"name": "n", "kind": "switch", "mirror": {}}]}"""),
        In("networks[0].mirror.from: 1 stands where a list of texts is expected", """{"networks": [{"name": "n", "kind": "switch", "mirror": {"port": "a", "from": 1}}]}"""),
        In("networks[0].mirror.from[0]: 1 stands where a text is expected", """{"networks": [{"name": "n", "kind": "switch", "mirror": {"port": "a", "from": [1]}}]}"""),
        In("networks[0].mirror: the switch has no port \"ab\"; did you mean \"a\"?",
            """{"networks": [{"name": "n", "kind": "switch", "mirror": {"port": "ab"}}], "ports": [{"name": "a", "kind": "null", "network": "n"}]}"""),
        In("networks[0].mirror: the switch has no port \"b\"; it has none at all", """{"networks": [{"name": "n", "kind": "switch", "mirror": {"port": "b"}}], "ports": [{"name": "a", "kind": "null"}]}"""),
        In("networks[0]: the wire \"n\" has 3 ports; a wire joins two, use \"kind\": \"switch\" for more", Joined("wire", "a", "b", "c")),
        In("networks[0]: the hairpin \"n\" has 2 ports; a hairpin takes one, use \"kind\": \"wire\" or \"switch\"", Joined("hairpin", "a", "b")),
    ];

    private static IEnumerable<Refusal> Ports =>
    [
        Port("kind: is missing; it is one of vhost-user, user, tap, udp, stream, af-packet, responder, pcap, null, generator", "\"mtu\": 900"),
        Port("kind: \"nul\" is unknown; did you mean \"null\"?", "\"kind\": \"nul\""),
        Port("mtu: 67 stands where a whole number from 68 to 65535 is expected", "\"kind\": \"null\", \"mtu\": 67"),
        Port("network: there is no network \"lan\"; the configuration defines no network at all, add it to \"networks\"", "\"kind\": \"null\", \"network\": \"lan\""),
        Port("threads: there is no thread \"t\"; the configuration defines no thread at all, add it to \"threads\"", "\"kind\": \"null\", \"threads\": [\"t\"]"),
        Port("switch: applies to a port whose network is of \"kind\": \"switch\" only; leave it out", "\"kind\": \"null\", \"switch\": {}"),
        Port("labels.a-b: can't be a label; letters, digits and '_' are allowed, not a digit first nor two '_'", "\"kind\": \"null\", \"labels\": {\"a-b\": \"x\"}"),
        Port("labels.port: is a label that series have already; choose another name", "\"kind\": \"null\", \"labels\": {\"port\": \"x\"}"),
        Port("labels.a: is longer than the 256 bytes that a label may have", $"\"kind\": \"null\", \"labels\": {{\"a\": \"{new string('x', 300)}\"}}"),
        Port("labels.x16: is one label too many; a port may have 16",
            $"\"kind\": \"null\", \"labels\": {{{string.Join(", ", Enumerable.Range(0, 17).Select(i => $"\"x{i:00}\": \"y\""))}}}"),
        Port("limits.in: 5 stands where an object {…} is expected", "\"kind\": \"null\", \"limits\": {\"in\": 5}"),
        Port("socket: is missing; a vhost-user port needs it, for example {\"path\": \"/run/vhostnet/guest.sock\"}", "\"kind\": \"vhost-user\""),
        Port("socket.path: either \"path\" or \"fd\" has to say which socket it is, and not both", "\"kind\": \"vhost-user\", \"socket\": {}"),
        Port("socket.path: the socket path \"*\" takes * bytes; the kernel allows 107, choose a shorter directory",
            $"\"kind\": \"vhost-user\", \"socket\": {{\"path\": \"/{new string('x', 120)}\"}}"),
        Port("socket.mode: 660 stands where a text in quotes is expected", "\"kind\": \"vhost-user\", \"socket\": {\"path\": \"/s\", \"mode\": 660}"),
        Port("features.mrg_rxbufs: unknown key; did you mean \"mrg_rxbuf\"?", "\"kind\": \"vhost-user\", \"socket\": {\"path\": \"/s\"}, \"features\": {\"mrg_rxbufs\": false}"),
        Port("seal: \"maybe\" is unknown; known here: off, refuse, warn", "\"kind\": \"vhost-user\", \"socket\": {\"path\": \"/s\"}, \"seal\": \"maybe\""),
        Port("quotas.regions: 7 stands where a whole number from 8 to 509 is expected", "\"kind\": \"vhost-user\", \"socket\": {\"path\": \"/s\"}, \"quotas\": {\"regions\": 7}"),
        In("ports: two of them have \"socket.path\" /s; it has to be unique",
            """{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/s"}}, {"name": "b", "kind": "vhost-user", "socket": {"path": "/s"}}]}"""),
    ];

    private static IEnumerable<Refusal> SwitchPorts =>
    [
        Member("mode: \"x\" is unknown; known here: access, trunk", "\"mode\": \"x\""),
        Member("vlan: belongs to \"mode\": \"access\"; a trunk has \"vlans\" and \"nativeVlan\"", "\"vlan\": 5"),
        Member("vlans: belongs to \"mode\": \"trunk\"; an access port has \"vlan\"", "\"mode\": \"access\", \"vlans\": [1]"),
        Member("vlans: VLAN 0, that of untagged frames, is not among them; add it, set \"nativeVlan\" to one of them, or \"untagged\" to false", "\"vlans\": [5]"),
        Member("vlans: \"x\" stands where a list of whole numbers is expected", "\"vlans\": \"x\""),
        Member("vlans[0]: 5000 stands where a whole number from 0 to 4094 is expected", "\"vlans\": [5000]"),
        Member("staticMacs[0]: \"x\" stands where a MAC address with its VLAN, such as 52:54:00:12:34:56@10, or without one for untagged frames, is expected", "\"staticMacs\": [\"x\"]"),
        Member("pinnedAddresses[0]: \"x\" stands where an IP address or network, such as 10.0.0.5 or 10.0.0.0/24, is expected", "\"pinnedAddresses\": [\"x\"]"),
    ];

    private static IEnumerable<Refusal> Uplinks =>
    [
        Port("fds: is an alternative to \"interface\"; give one of them", "\"kind\": \"tap\", \"interface\": \"t\", \"fds\": [3]"),
        Port("addresses: is missing; it has to say LOCAL-REMOTE, for example 127.0.0.1:5000-127.0.0.1:5001", "\"kind\": \"udp\""),
        Port("addresses: 'x' is not LOCAL-REMOTE, as in 127.0.0.1:5000-127.0.0.1:5001 or unix:/run/a.sock-unix:/run/b.sock", "\"kind\": \"udp\", \"addresses\": \"x\""),
        Port("address: is missing; it has to say what to connect to, or where to listen, for example 127.0.0.1:5000 or listen:unix:/run/net.sock", "\"kind\": \"stream\""),
        Port("interface: is missing; it has to say which network interface is used, for example eth1", "\"kind\": \"af-packet\""),
        Port("mac: \"1:2\" stands where a MAC address such as 52:54:00:12:34:56 is expected", "\"kind\": \"responder\", \"mac\": \"1:2\""),
        Port("router: \"gw\" stands where an IP address such as 10.0.2.2 is expected", "\"kind\": \"responder\", \"router\": \"gw\""),
        Port("ipv4Network: \"x\" stands where an address with its prefix length, such as 10.0.2.2/24, is expected", "\"kind\": \"user\", \"ipv4Network\": \"x\""),
        Port("speed: \"fast\" stands where a number from 0 to 1000000 is expected", "\"kind\": \"pcap\", \"replay\": \"/x\", \"speed\": \"fast\""),
        Port("dns: names * name servers; a DHCP answer has room for *", $"\"kind\": \"responder\", \"dns\": [{string.Join(',', Enumerable.Repeat(Many, 8))}]"),
        new(2, "port a: the lease start 192.168.9.9 lies outside the responder's network *", """{"ports": [{"name": "a", "kind": "responder", "leaseStart": "192.168.9.9"}]}"""),
    ];

    private static Refusal In(string text, string json) => new(2, "{d}/c.json: " + text, json);

    private static Refusal Port(string text, string keys) => In("ports[0]." + text, $"{{\"ports\": [{{\"name\": \"a\", {keys}}}]}}");

    private static Refusal Member(string text, string keys) => In(
        "ports[0].switch." + text, $$$"""{"networks": [{"name": "n", "kind": "switch"}], "ports": [{"name": "a", "kind": "null", "network": "n", "switch": {{{{keys}}}} }]}""");

    private static string Joined(string kind, params string[] names) =>
        $"{{\"networks\": [{{\"name\": \"n\", \"kind\": \"{kind}\"}}], \"ports\": [{string.Join(", ", names.Select(n => $"{{\"name\": \"{n}\", \"kind\": \"null\", \"network\": \"n\"}}"))}]}}";
}
