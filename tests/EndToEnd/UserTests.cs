using System.Net;
using System.Net.Sockets;

namespace VhostNet.EndToEnd;

/// <summary>The default uplink: a network behind address translation, without any privilege.</summary>
public sealed class UserTests : EndToEndTest
{
    private const string Gateway = "10.0.2.2";

    [Fact]
    public async Task GuestGetsALeaseAndPings()
    {
        await StartDaemonAsync("user");
        QemuGuest guest = await BootWithLeaseAsync();
        Assert.Equal(5, await guest.PingAsync(Gateway, 5, "-i 0.2"));
    }

    [Fact]
    public async Task UserIsWhatAGuestGetsWhenNothingIsSaid()
    {
        await StartDaemonAsync(null, "--socket-path", SocketPath);
        await BootWithLeaseAsync();
    }

    [Fact]
    public async Task GuestReachesAServerOnTheHost()
    {
        // In a namespace, so that the server's port is nobody else's.
        NetworkNamespace network = await CreateNamespaceAsync();
        await StartDaemonAsync("user,hostLoopback=on", network);
        QemuGuest guest = await BootWithLeaseAsync();
        await TcpTransfer.RunAsync(guest, network, IPAddress.Loopback, 16, TimeSpan.FromSeconds(90), reachedAs: Gateway);
    }

    [Fact]
    public async Task HostReachesAServerInTheGuest()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await StartDaemonAsync("user,hostForward=tcp:127.0.0.1:7000-:7001", network);
        QemuGuest guest = await BootWithLeaseAsync();
        await guest.RunAsync("(echo greetings from the guest | nc -l -p 7001 >/tmp/heard) </dev/null >/dev/null 2>&1 & until netstat -ltn | grep -q :7001; do usleep 10000; done");
        using Socket client = network.Make(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        await client.ConnectAsync(IPAddress.Loopback, 7000, limit.Token);
        using StreamReader reader = new(new NetworkStream(client));
        Assert.Equal("greetings from the guest", await reader.ReadLineAsync(limit.Token));
    }

    private async Task<QemuGuest> BootWithLeaseAsync()
    {
        QemuGuest guest = await BootAsync();
        string lease = await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        Assert.Contains($"router {Gateway}", lease, StringComparison.Ordinal);
        return guest;
    }
}
