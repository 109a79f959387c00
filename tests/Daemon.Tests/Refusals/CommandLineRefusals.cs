namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>What the command line can be refused for without a look at the machine.</summary>
internal static class CommandLineRefusals
{
    private const string Help = "; vhostnetd --help lists the options";

    public static IEnumerable<Refusal> All =>
    [
        new(2, "neither --socket-path, --fd nor --config is given; for example: vhostnetd --socket-path /run/vhostnet/guest.sock"),
        new(2, "--socket-path and --fd exclude each other; give one of them", "--socket-path", "{d}/s", "--fd", "3"),
        new(2, "--socket-paht: unknown option; did you mean --socket-path?", "--socket-paht", "x"),
        new(2, "-s: unknown option" + Help, "-s", "{d}/s"),
        new(2, "extra: an argument that no option takes" + Help, "--socket-path", "{d}/s", "extra"),
        new(2, "Required argument missing for option: '--socket-path'" + Help, "--socket-path"),
        new(2, "Option '--mtu' expects a single argument but 2 were provided" + Help, "--socket-path", "{d}/s", "--mtu", "900", "--mtu", "901"),
        new(2, "maybe: an argument that no option takes" + Help, "--socket-path", "{d}/s", "--client=maybe"),
        new(2, "--mtu ten: a whole number from 68 to 65535 is expected", "--socket-path", "{d}/s", "--mtu", "ten"),
        new(2, "--mtu 67: a whole number from 68 to 65535 is expected", "--socket-path", "{d}/s", "--mtu", "67"),
        new(2, "--queue-pairs 129: a whole number from 1 to 128 is expected", "--socket-path", "{d}/s", "--queue-pairs", "129"),
        new(2, "--queue-pairs 99999999999: a whole number from 1 to 128 is expected", "--socket-path", "{d}/s", "--queue-pairs", "99999999999"),
        new(2, "--cpu one: a whole number from 0 to 4095 is expected", "--socket-path", "{d}/s", "--cpu", "one"),
        new(2, "--fd -1: a whole number from 0 to 2147483647 is expected; whoever starts this has to pass a socket on under that number", "--fd", "-1"),
        new(2, "--fd x: a whole number from 0 to 2147483647 is expected; whoever starts this has to pass a socket on under that number", "--fd", "x"),
        new(2, "--client connects to a path; it can't be used with --fd", "--fd", "3", "--client"),
        new(2, "--poll bussy: unknown; did you mean \"busy\"?", "--socket-path", "{d}/s", "--poll", "bussy"),
        new(2, "--poll x: unknown; known here: adaptive, busy, interrupt", "--socket-path", "{d}/s", "--poll", "x"),
        new(2, "--log-level loud: unknown; known here: debug, error, info, trace, warning", "--socket-path", "{d}/s", "--log-level", "loud"),
        new(2, "--socket-mode: \"rw\" is no file mode; write it in octal as chmod does, for example \"0660\"", "--socket-path", "{d}/s", "--socket-mode", "rw"),
        new(2, "--socket-path: the socket path is empty; name a file, for example /run/vhostnet/guest.sock", "--socket-path", ""),
        new(2, "--control: the socket path \"*\" takes 1?? bytes; the kernel allows 107, choose a shorter directory".Replace("1??", "*", StringComparison.Ordinal),
            "--socket-path", "{d}/s", "--control", "{d}/" + new string('x', 107)),
        new(2, "--prometheus: 0.0.0.0 is not a loopback address; metrics are served without authentication, so listen at 127.0.0.1 or [::1] or at unix:PATH",
            "--socket-path", "{d}/s", "--prometheus", "0.0.0.0:9464"),
        new(2, "--prometheus: \"here\" is no place to listen at; write unix:PATH or an address with a port, for example 127.0.0.1:9464",
            "--socket-path", "{d}/s", "--prometheus", "here"),
        new(2, "--detach is of use beside --take-over only; leave it out", "--socket-path", "{d}/s", "--detach"),
        new(2, "--mtu belongs to the quick form and can't be used with --config; put its setting into the file", "{}", "--mtu", "900"),
        new(2, "--config {d}/absent: there is no such file; examples are in deploy/examples", "--config", "{d}/absent"),
        new(2, "--uplink fish: \"fish\" is unknown; known here: af-packet, generator, hairpin, null, pcap, responder, stream, tap, udp, user", "--socket-path", "{d}/s", "--uplink", "fish"),
        new(2, "--uplink respnder: \"respnder\" is unknown; did you mean \"responder\"?", "--socket-path", "{d}/s", "--uplink", "respnder"),
        new(2, "--uplink null,x=1: x: unknown key; there are none here, leave it out", "--socket-path", "{d}/s", "--uplink", "null,x=1"),
        new(2, "--uplink null,x: \"x\" stands where KEY=VALUE is expected", "--socket-path", "{d}/s", "--uplink", "null,x"),
        new(2, "--uplink tap:abcdefghijklmnopq: interface: \"abcdefghijklmnopq\" takes 17 bytes; the kernel allows the name of an interface 15, choose a shorter one",
            "--socket-path", "{d}/s", "--uplink", "tap:abcdefghijklmnopq"),
        new(2, "--uplink tap:t,bridge=a/b: bridge: \"a/b\" can't be the name of an interface, which has no blanks, colons or slashes in it",
            "--socket-path", "{d}/s", "--uplink", "tap:t,bridge=a/b"),
        new(2, "--uplink af-packet:abcdefghijklmnop: interface: \"abcdefghijklmnop\" takes 16 bytes; the kernel allows the name of an interface 15, choose a shorter one",
            "--socket-path", "{d}/s", "--uplink", "af-packet:abcdefghijklmnop"),
        new(2, "--uplink tap:t,up=maybe: up: \"maybe\" stands where on or off is expected", "--socket-path", "{d}/s", "--uplink", "tap:t,up=maybe"),
        new(2, "--uplink user,hostForward=22: hostForward: '22' is not a host forward; it has the form *", "--socket-path", "{d}/s", "--uplink", "user,hostForward=22"),
        new(2, "--uplink pcap: replay: is missing, and so is \"capture\"; a pcap port needs a file to replay, a file to capture to, or both", "--socket-path", "{d}/s", "--uplink", "pcap"),
        new(2, "port uplink: user networking: MTU 100 is not between 576 and 65521", "--socket-path", "{d}/s", "--uplink", "user", "--mtu", "100"),
        new(2, "port uplink: user networking: IPv4 and IPv6 are both switched off; leave one of them on", "--socket-path", "{d}/s", "--uplink", "user,ipv4=off,ipv6=off"),
        new(2, "port uplink: user networking: host=10.9.9.9 lies outside the network 10.0.2.0/24", "--socket-path", "{d}/s", "--uplink", "user,host=10.9.9.9"),
        new(2, "port uplink: datagram port * both addresses must be of one kind, IPv4, IPv6 or unix", "--socket-path", "{d}/s", "--uplink", "udp:127.0.0.1:5000-unix:{d}/u"),
    ];
}
