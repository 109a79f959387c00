namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>What the machine can refuse: something is missing, taken or not allowed.</summary>
internal static class MachineRefusals
{
    private static readonly string[] s_guest = ["--socket-path", "{d}/s", "--uplink", "null"];

    public static IEnumerable<Refusal> All => [.. Sockets, .. Accounts, .. Descriptors, .. Ports, .. Others];

    private static IEnumerable<Refusal> Sockets =>
    [
        new(3, "port guest: bind of the socket '{d}/absent/s': *; the directory {d}/absent does not exist, create it or choose another path", "--socket-path", "{d}/absent/s", "--uplink", "null"),
        new(3, "port guest: bind of the socket '{d}/s': *; the directory {d} has to be writable for user 65534", s_guest) { AsNobody = true },
        new(3, "port guest: '{d}/s' exists and is not a socket; remove it or choose another path", s_guest) { Before = "echo mine >s" },
        new(4, "port guest: '{d}/live' belongs to a socket that is in use (a process answers on it); stop that process or choose another path; " +
            "if a front end listens there (QEMU with server=on), add --client to connect to it", "--socket-path", "{d}/live", "--uplink", "null"),
        new(4, "port a: '{d}/live' belongs to a socket that is in use (a process answers on it); stop that process or choose another path; " +
            "if a front end listens there (QEMU with server=on), give the socket \"role\": \"client\" to connect to it",
            """{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "{d}/live"}}]}"""),
        new(4, "control: '{d}/live' belongs to a socket that is in use (a process answers on it); stop that process or choose another path", [.. s_guest, "--control", "{d}/live"]),
        new(3, "control: '{d}/c' exists and is not a socket; remove it or choose another path", [.. s_guest, "--control", "{d}/c"]) { Before = "echo mine >c" },
        new(3, "control: bind of the socket '{d}/absent/c': *; the directory {d}/absent does not exist, create it or choose another path", [.. s_guest, "--control", "{d}/absent/c"]),
        new(3, "metrics.prometheus: bind of the socket '{d}/absent/m': *; the directory {d}/absent does not exist, create it or choose another path",
            [.. s_guest, "--prometheus", "unix:{d}/absent/m"]),
        new(3, "metrics.prometheus: [::1]:9464 can't be listened at: *; choose another address or port", [.. s_guest, "--prometheus", "[::1]:9464"]) { WithoutNetwork = true },
        new(4, "metrics.prometheus: {tcp} is in use by another program; end that program or choose another port", [.. s_guest, "--prometheus", "{tcp}"]),
    ];

    private static IEnumerable<Refusal> Accounts =>
    [
        new(2, "command line.socket.owner: there is no user \"no-such-user\" here; create it (deploy/sysusers.d has ours) or leave the owner out", [.. s_guest, "--socket-owner", "no-such-user"]),
        new(2, "command line.socket.group: there is no group \"no-such-group\" here; create it (deploy/sysusers.d has ours) or leave the group out", [.. s_guest, "--socket-group", "no-such-group"]),
        new(3, "port guest: user 65534 may not give '{d}/s' to user 0; only root gives files to other users, and everybody to groups that he is a member of: " +
            "start the daemon as that user or as a member of that group, or leave the owner out", [.. s_guest, "--socket-owner", "root"]) { AsNobody = true, Before = "chmod 777 ." },
        new(3, "port guest: user 65534 may not give '{d}/s' to user 0 and group 0; *", [.. s_guest, "--socket-owner", "root", "--socket-group", "root"]) { AsNobody = true, Before = "chmod 777 ." },
        new(3, "control: user 65534 may not give '{d}/c' to group 0; *", """{"control": {"path": "{d}/c", "group": "root"}}""") { AsNobody = true, Before = "chmod 777 ." },
    ];

    private static IEnumerable<Refusal> Descriptors =>
    [
        new(2, "--fd 9999: descriptor 9999 is not open; whoever starts this has to pass the socket on under that number, or name a path", "--fd", "9999", "--uplink", "null"),
        new(2, "--fd 0: descriptor 0 is no socket; whoever starts this has to pass on a Unix socket that listens, or is connected to a front end", "--fd", "0", "--uplink", "null"),
        new(2, "ports[0].socket.fd: descriptor 9999 is not open; whoever starts this has to pass the socket on under that number, or name a path",
            """{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"fd": 9999}}]}"""),
        new(2, "LISTEN_FDS=9000 promises descriptor *, which is not open; unset LISTEN_FDS", s_guest) { Environment = "LISTEN_FDS=9000" },
    ];

    private static IEnumerable<Refusal> Ports =>
    [
        new(3, "port uplink: tap vhostnet9: permission denied. The daemon needs CAP_NET_ADMIN, or a tap made for its user beforehand: ip tuntap add dev vhostnet9 mode tap user 65534 vnet_hdr",
            "--socket-path", "{d}/s", "--uplink", "tap:vhostnet9") { AsNobody = true },
        new(3, "port uplink: af-packet nosuchif: there is no interface of that name; 'ip link' lists those there are", "--socket-path", "{d}/s", "--uplink", "af-packet:nosuchif"),
        new(3, "port uplink: af-packet lo: permission denied; packet sockets need CAP_NET_RAW, a tap joined to a bridge does without", "--socket-path", "{d}/s", "--uplink", "af-packet:lo")
            { AsNobody = true },
        new(3, "port uplink: replay {d}/absent.pcap: there is no such file", "--socket-path", "{d}/s", "--uplink", "pcap:{d}/absent.pcap"),
        new(2, "--uplink tap:t,owner=no-such-user.owner: there is no user \"no-such-user\" here; create it (deploy/sysusers.d has ours) or leave the owner out",
            "--socket-path", "{d}/s", "--uplink", "tap:t,owner=no-such-user"),
    ];

    private static IEnumerable<Refusal> Others =>
    [
        new(3, "thread io0: CPU 1000 can't be used (*); choose one of those that this process may run on (taskset -p)", [.. s_guest, "--cpu", "1000"]),
        new(3, "--config {d}: can't be read: *", "--config", "{d}"),
        new(3, "log.file: {d}/absent/log can't be written: *; its directory has to exist and to be writable for user 0", """{"ports": [{"name": "a", "kind": "null"}], "log": {"file": "{d}/absent/log"}}"""),
        new(3, "log.file: {d}/fifo is no regular file; name one, stderr is written besides it in any case", """{"ports": [{"name": "a", "kind": "null"}], "log": {"file": "{d}/fifo"}}""")
            { Before = "mkfifo fifo" },
        new(3, "NOTIFY_SOCKET={d}/nobody can't be reached (*); unset it when no service manager started this", s_guest) { Environment = "NOTIFY_SOCKET={d}/nobody" },
    ];
}
