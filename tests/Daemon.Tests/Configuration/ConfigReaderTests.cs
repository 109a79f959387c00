using System.Text;
using Serilog.Events;
using VhostNet.Aio;
using VhostNet.Daemon.Configuration;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Memory;

namespace VhostNet.Daemon.Tests.Configuration;

public sealed class ConfigReaderTests
{
    /// <summary>Every key that there is.</summary>
    internal const string Everything = """
        {
          // Comments and trailing commas are allowed.
          "$schema": "/usr/share/vhostnet/vhostnetd.schema.json",
          "threads": [{"name": "io0", "cpu": 1, "poll": "adaptive", "pollMaxMicroseconds": 20}, {"name": "io1", "poll": "busy"}],
          "networks": [{"name": "lan", "kind": "wire"}, {"name": "loop", "kind": "hairpin"},
            {"name": "sw", "kind": "switch", "macTableCapacity": 100, "ageingSeconds": 60, "mirror": {"port": "void", "from": ["gen"], "to": "gen"}}],
          "ports": [
            {
              "name": "vm0", "kind": "vhost-user", "network": "lan", "threads": ["io0", "io1"], "queuePairs": 4, "mtu": 9000, "labels": {"tenant": "blue"}, "seal": "refuse", "cacheDemotion": false,
              "socket": {"path": "/run/vhostnet/vm0.sock", "role": "server", "mode": "0660", "owner": "root", "group": "0"},
              "features": {"csum": false, "packed": true},
              "quotas": {"regions": 32, "descriptors": 500, "halfReceivedMs": 2000, "logLines": 20, "jobs": 2, "iotlbEntries": 128},
            },
            {"name": "vm1", "kind": "vhost-user", "network": "loop", "threads": "io1", "socket": {"path": "/run/vm1.sock", "role": "client"}},
            {"name": "vm2", "kind": "vhost-user", "socket": {"fd": 5}},
            {"name": "up", "kind": "tap", "network": "lan", "interface": "tap0", "bridge": "br0", "up": true, "offloads": true, "sendBuffer": 0, "holdMs": 0, "owner": "0", "group": "root"},
            {"name": "up2", "kind": "tap", "fds": [7, 8], "queuePairs": 2},
            {"name": "answer", "kind": "responder", "mac": "52:54:00:00:00:01", "addresses": ["10.0.2.2/24"], "dhcp": true, "leaseStart": "10.0.2.15", "leaseCount": 4,
             "leaseSeconds": 3600, "router": "10.0.2.1", "dns": ["10.0.2.3", "10.0.2.4"]},
            {"name": "gen", "kind": "generator", "network": "sw",
             "switch": {"mode": "trunk", "nativeVlan": 7, "untagged": true, "vlans": [7, 8], "isolated": true, "link": true, "retries": 8, "macLimit": 5, "staticMacs": ["02:00:00:00:00:01@8"],
                        "pinnedMacs": ["02:00:00:00:00:01"], "pinnedAddresses": ["10.0.0.5", "10.1.0.0/24"],
                        "storm": {"broadcastPerSecond": 10, "multicastPerSecond": 11, "unknownPerSecond": 12}},
             "limits": {"in": {"framesPerSecond": 1000, "bytesPerSecond": 2, "burstFrames": 3, "burstBytes": 4}, "out": {"bytesPerSecond": 1000000}}, "frameSize": 60, "rate": 1000, "count": 5, "sourceMac": "02:00:00:00:00:01", "destinationMac": "02:00:00:00:00:02",
             "source": "198.18.0.1", "destination": "198.18.0.2", "udpPort": 7},
            {"name": "void", "kind": "null", "network": "sw"},
            {"name": "peer", "kind": "udp", "addresses": "127.0.0.1:5000-127.0.0.1:5001"},
            {"name": "pipe", "kind": "stream", "address": "listen:unix:/run/net.sock", "keepAliveSeconds": 10, "userTimeoutSeconds": 20},
            {"name": "nic", "kind": "af-packet", "interface": "eth1", "promiscuous": true, "offloads": false, "qdiscBypass": false},
            {"name": "tape", "kind": "pcap", "replay": "/tmp/in.pcap", "speed": 1.5, "loops": 0, "capture": "/tmp/out.pcap", "snapLength": 128, "sizeLimit": 1000000},
            {"name": "nat", "kind": "user", "ipv4": true, "ipv4Network": "10.1.0.0/24", "host": "10.1.0.1", "dns": "10.1.0.3", "dhcpStart": "10.1.0.9", "ipv6": false,
             "ipv6Network": "fec0::/64", "restrict": true, "hostLoopback": false, "hostname": "h", "domainName": "d", "dnsSearch": ["x.org"],
             "hostForward": ["tcp::2222-:22", "udp:127.0.0.1:53-10.1.0.9:53"], "guestForward": "tcp:10.1.0.100:80-unix:/run/web.sock",
             "quotas": {"flows": 100, "sockets": 120, "flowsPerSecond": 50}},
          ],
          "stateDirectory": "/var/lib/vhostnet",
          "control": {"path": "/run/vhostnet/control.sock", "mode": "0600", "owner": "root", "group": "root"},
          "metrics": {"prometheus": "127.0.0.1:9464", "otlp": {"endpoint": "http://127.0.0.1:4317", "protocol": "grpc", "intervalSeconds": 5}},
          "log": {"level": "debug", "sources": {"VhostNet.VhostUser": "trace"}, "file": "/var/log/vhostnet.log", "fileMegabytes": 10, "filesKept": 2},
          "descriptors": {"reserve": 64},
          "debug": {"stall": true},
        }
        """;

    private const string Guest = """{"name": "vm0", "kind": "vhost-user", "socket": {"path": "/run/vm0.sock"}""";

    [Fact]
    public void EveryKeyIsRead()
    {
        DaemonOptions options = Read(Everything);

        Assert.Equal([1, null], options.Threads.Select(t => t.Cpu));
        Assert.Equal([PollPolicy.Adaptive, PollPolicy.Busy], options.Threads.Select(t => t.Poll));
        Assert.Equal(20, options.Threads[0].PollMaxMicroseconds);
        Assert.Equal(["wire", "hairpin", "switch"], options.Networks.Select(n => n.Kind));
        PortOptions guest = options.Ports[0];
        Assert.Equal(("lan", 4, 9000, SealPolicy.Refuse), (guest.Network, guest.QueuePairs, guest.Mtu, guest.Seal));
        Assert.Equal([false, true], options.Ports.Take(2).Select(p => p.CacheDemotion));
        Assert.Equal(["io0", "io1"], guest.Threads);
        Assert.Equal(new SocketOptions { Path = "/run/vhostnet/vm0.sock", Mode = 0x1B0, Owner = "root", Group = "0" }, guest.Socket);
        Assert.Equal([("csum", false), ("packed", true)], guest.Features.Select(f => (f.Key, f.Value)));
        Assert.Equal(new SessionQuotas { Regions = 32, Descriptors = 500, HalfReceivedMs = 2000, LogLines = 20, Jobs = 2, IotlbEntries = 128 }, guest.Quotas);
        Assert.Equal(new SessionQuotas(), options.Ports[1].Quotas);
        Assert.True(options.Ports[1].Socket!.IsClient);
        Assert.Equal(["io1"], options.Ports[1].Threads);
        Assert.Equal(5, options.Ports[2].Socket!.Fd);
        Assert.All(options.Ports.Skip(3), p => Assert.NotNull(p.KindOptions));
        NetworkOptions place = options.Networks[2];
        Assert.Equal((100, 60), (place.Switch!.MacTableCapacity, (int)place.Switch.Ageing.TotalSeconds));
        Assert.Equal("void", place.Mirror!.Target);
        PortOptions member = options.Ports.First(p => p.Name == "gen");
        Assert.Equal([(ushort)7, (ushort)8], member.Switch!.AllowedVlans!);
        Assert.Equal((ushort)7, member.Switch.NativeVlan);
        Assert.Equal("10.0.0.5/32", member.Switch.PinnedAddresses!.First().ToString());
        Assert.Equal(12, member.Switch.Storm.UnknownPerSecond);
        Assert.Equal((1000, 4), (member.ReceiveLimit!.FramesPerSecond, member.ReceiveLimit.BurstBytes));
        Assert.Equal(1_000_000, member.SendLimit!.BytesPerSecond);
        Assert.Equal("/var/lib/vhostnet", options.StateDirectory);
        Assert.Equal(("/run/vhostnet/control.sock", 0x180u), (options.Control!.Path, options.Control.Mode));
        Assert.Equal("127.0.0.1:9464", options.Metrics.Prometheus!.Address!.ToString());
        Assert.Equal((5, false), (options.Metrics.Otlp!.IntervalSeconds, options.Metrics.Otlp.IsHttp));
        Assert.Equal(LogEventLevel.Debug, options.Log.Level);
        Assert.Equal(LogEventLevel.Verbose, options.Log.Sources["VhostNet.VhostUser"]);
        Assert.Equal(("/var/log/vhostnet.log", 10, 2), (options.Log.File, options.Log.FileMegabytes, options.Log.FilesKept));
        Assert.Equal(64, options.Descriptors.Reserve);
        Assert.True(options.Debug.Stall);
    }

    [Fact]
    public void AFileWithAByteOrderMarkIsRead()
    {
        byte[] text = [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes("{\"ports\": [" + Guest + "}]}")];
        Assert.Single(ConfigReader.Read(text).Ports);
    }

    [Theory]
    [InlineData("", "line 1, byte 1: not valid JSON: ")]
    [InlineData("[]", "a list stands where an object {…} is expected")]
    [InlineData("""{"ports": [}""", "line 1, byte 12: not valid JSON: ")]
    [InlineData("""{"ports": [], "ports": []}""", "not valid JSON: Duplicate property")]
    [InlineData("""{"ports": []}""", "ports: there is none, so there is nothing to do")]
    [InlineData("""{"port": []}""", "port: unknown key; did you mean \"ports\"?")]
    [InlineData("""{"xyzzy": 1}""", "xyzzy: unknown key; known here: control, debug, descriptors, log, metrics, networks, ports, stateDirectory, threads")]
    [InlineData("""{"ports": {}}""", "ports: an object stands where a list [{…}, …] is expected")]
    [InlineData("""{"ports": [1]}""", "ports[0]: 1 stands where an object {…} is expected")]
    [InlineData("""{"ports": [{"kind": "null"}]}""", "ports[0].name: is missing; it has to say how this is called")]
    [InlineData("""{"ports": [{"name": "a b", "kind": "null"}]}""", "ports[0].name: \"a b\" can't be a name; use 1 to 64 letters")]
    [InlineData("""{"ports": [{"name": "a"}]}""", "ports[0].kind: is missing; it is one of vhost-user, ")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhostuser"}]}""", "ports[0].kind: \"vhostuser\" is unknown; did you mean \"vhost-user\"?")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user"}]}""", "ports[0].socket: is missing; a vhost-user port needs it")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {}}]}""", "ports[0].socket.path: either \"path\" or \"fd\" has to say which socket it is")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/x", "fd": 3}}]}""", "ports[0].socket.path: either \"path\" or \"fd\"")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/x", "mode": "rw"}}]}""", "ports[0].socket.mode: \"rw\" is no file mode")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/x", "mode": 660}}]}""", "ports[0].socket.mode: 660 stands where a text in quotes is expected")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/x", "role": "master"}}]}""", "ports[0].socket.role: \"master\" is unknown")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "queue-pairs": 2}]}""", "ports[0].queue-pairs: unknown key; did you mean \"queuePairs\"?")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "queuePairs": 129}]}""", "ports[0].queuePairs: 129 stands where a whole number from 1 to 128 is expected")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "mtu": 67}]}""", "ports[0].mtu: 67 stands where a whole number from 68 to 65535 is expected")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "mtu": 1e3}]}""", "ports[0].mtu: 1e3 stands where a whole number")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "network": "lan"}]}""", "ports[0].network: there is no network \"lan\"; the configuration defines no network at all")]
    [InlineData("""{"networks": [{"name": "lan", "kind": "wire"}], "ports": [{"name": "a", "kind": "null", "network": "lna"}]}""",
        "ports[0].network: there is no network \"lna\"; did you mean \"lan\"?")]
    [InlineData("""{"threads": [{"name": "io0"}], "ports": [{"name": "a", "kind": "null", "threads": ["io1", "io7"]}]}""", "ports[0].threads: there is no thread \"io1\"")]
    [InlineData("""{"threads": [{"name": "io0", "poll": "bussy"}], "ports": []}""", "threads[0].poll: \"bussy\" is unknown; did you mean \"busy\"?")]
    [InlineData("""{"threads": [{"name": "io0", "cpu": -1}], "ports": []}""", "threads[0].cpu: -1 stands where a whole number from 0 to 4095 is expected")]
    [InlineData("""{"threads": [{"name": "control"}], "ports": [{"name": "a", "kind": "null"}]}""", "threads[0].name: \"control\" is the name of the daemon's own thread")]
    [InlineData("""{"threads": [{"name": "t", "poll": "busy", "pollMaxMicroseconds": 5}], "ports": [{"name": "a", "kind": "null"}]}""", "threads[0].pollMaxMicroseconds: applies to")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null"}, {"name": "a", "kind": "null"}]}""", "ports: two of them have \"name\" a; it has to be unique")]
    [InlineData("""{"networks": [{"name": "n", "kind": "wire"}], "ports": [{"name": "a", "kind": "null", "network": "n"}, {"name": "b", "kind": "null", "network": "n"}, {"name": "c", "kind": "null", "network": "n"}]}""",
        "networks[0]: the wire \"n\" has 3 ports; a wire joins two")]
    [InlineData("""{"networks": [{"name": "n", "kind": "hairpin"}], "ports": [{"name": "a", "kind": "null", "network": "n"}, {"name": "b", "kind": "null", "network": "n"}]}""",
        "networks[0]: the hairpin \"n\" has 2 ports; a hairpin takes one")]
    [InlineData("""{"networks": [{"name": "n", "kind": "swich"}], "ports": []}""", "networks[0].kind: \"swich\" is unknown")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "switch": {}}]}""", "ports[0].switch: applies to a port whose network is of \"kind\": \"switch\" only")]
    [InlineData("""{"networks": [{"name": "s", "kind": "switch"}], "ports": [{"name": "a", "kind": "null", "network": "s", "switch": {"mode": "access", "vlans": [1]}}]}""",
        "ports[0].switch.vlans: belongs to \"mode\": \"trunk\"; an access port has \"vlan\"")]
    [InlineData("""{"networks": [{"name": "s", "kind": "switch"}], "ports": [{"name": "a", "kind": "null", "network": "s", "switch": {"mode": "access", "vlan": 4095}}]}""",
        "ports[0].switch.vlan: 4095 stands where a whole number from 1 to 4094 is expected")]
    [InlineData("""{"networks": [{"name": "s", "kind": "switch", "mirror": {"port": "b"}}], "ports": [{"name": "a", "kind": "null", "network": "s"}]}""",
        "networks[0].mirror: the switch has no port \"b\"; known here: a")]
    [InlineData("""{"ports": [{"name": "a", "kind": "user", "hostForward": "22"}]}""", "ports[0].hostForward: '22' is not a host forward; it has the form tcp|udp:")]
    [InlineData("""{"ports": [{"name": "a", "kind": "udp"}]}""", "ports[0].addresses: is missing; it has to say LOCAL-REMOTE, for example 127.0.0.1:5000-127.0.0.1:5001")]
    [InlineData("""{"ports": [{"name": "a", "kind": "udp", "addresses": "127.0.0.1:1"}]}""", "ports[0].addresses: '127.0.0.1:1' is not LOCAL-REMOTE, as in")]
    [InlineData("""{"ports": [{"name": "a", "kind": "tap", "interface": "t", "fds": [3]}]}""", "ports[0].fds: is an alternative to \"interface\"")]
    [InlineData("""{"ports": [{"name": "a", "kind": "responder", "mac": "1:2"}]}""", "ports[0].mac: \"1:2\" stands where a MAC address such as")]
    [InlineData("""{"ports": [{"name": "a", "kind": "responder", "addresses": ["10.0.0.1/33"]}]}""", "ports[0].addresses[0]: \"10.0.0.1/33\" stands where an address with its prefix length")]
    [InlineData("""{"ports": [{"name": "a", "kind": "responder", "router": "gw"}]}""", "ports[0].router: \"gw\" stands where an IP address such as")]
    [InlineData("""{"ports": [{"name": "a", "kind": "responder", "dhcp": "yes"}]}""", "ports[0].dhcp: \"yes\" stands where true or false is expected")]
    [InlineData("""{"control": {}, "ports": []}""", "control.path: is missing; it has to say where the control socket shall be")]
    [InlineData("""{"control": {"path": ""}, "ports": []}""", "control.path: an empty text is of no use here")]
    [InlineData("""{"metrics": {"prometheus": "0.0.0.0:9464"}, "ports": []}""", "metrics.prometheus: 0.0.0.0 is not a loopback address")]
    [InlineData("""{"metrics": {"prometheus": "localhost"}, "ports": []}""", "metrics.prometheus: \"localhost\" is no place to listen at; write unix:PATH")]
    [InlineData("""{"metrics": {"otlp": {"endpoint": "collector:4317"}}, "ports": []}""", "metrics.otlp.endpoint: \"collector:4317\" is no address of a collector")]
    [InlineData("""{"log": {"level": "verbose"}, "ports": []}""", "log.level: \"verbose\" is unknown; known here: debug, error, info, trace, warning")]
    [InlineData("""{"log": {"sources": {"Microsoft": "loud"}}, "ports": []}""", "log.sources.Microsoft: \"loud\" is unknown")]
    [InlineData("""{"debug": {"stall": true}, "ports": [{"name": "a", "kind": "null"}]}""", "debug.stall: is of no use without a control socket")]
    public void AMistakeIsNamedWithItsPathAndItsRemedy(string text, string expected)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => Read(text));
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void AMisspeltFeatureIsNamed()
    {
        ConfigException e = Assert.Throws<ConfigException>(() => Read("{\"ports\": [" + Guest + """, "features": {"mrg_rxbufs": false}}]}"""));
        Assert.Equal("ports[0].features.mrg_rxbufs: unknown key; did you mean \"mrg_rxbuf\"?", e.Message);
    }

    [Fact]
    public void TwoGuestsCantShareASocket()
    {
        ConfigException e = Assert.Throws<ConfigException>(() => Read("{\"ports\": [" + Guest + "}, " + Guest.Replace("vm0\"", "vm1\"", StringComparison.Ordinal) + "}]}"));
        Assert.Equal("ports: two of them have \"socket.path\" /run/vm0.sock; it has to be unique", e.Message);
    }

    [Fact]
    public void ASocketPathThatTheKernelCantTakeIsRefused()
    {
        string path = "/run/" + new string('x', 103);
        ConfigException e = Assert.Throws<ConfigException>(() => Read("{\"ports\": [{\"name\": \"a\", \"kind\": \"vhost-user\", \"socket\": {\"path\": \"" + path + "\"}}]}"));
        Assert.Equal($"ports[0].socket.path: the socket path \"{path}\" takes 108 bytes; the kernel allows 107, choose a shorter directory", e.Message);
    }

    private static DaemonOptions Read(string text)
    {
        DaemonOptions options = ConfigReader.Read(Encoding.UTF8.GetBytes(text));
        OptionsValidator.Check(options);
        return options;
    }
}
