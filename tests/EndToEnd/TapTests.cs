using System.Net;

namespace VhostNet.EndToEnd;

/// <summary>
/// A guest wired to a tap: pings, and 64 MiB of TCP each way with a checksum, for every shape of ring and every set of offloads that a guest may choose.
/// </summary>
public sealed class TapTests : EndToEndTest
{
    private const int Mebibytes = 64;
    private static readonly TimeSpan s_transfer = TimeSpan.FromSeconds(90);

    [Theory]
    [InlineData("")]
    [InlineData(GuestOptions.NoOffloads)]
    [InlineData("mrg_rxbuf=off")]
    [InlineData("event_idx=off")]
    [InlineData("indirect_desc=off")]
    [InlineData("mrg_rxbuf=off,event_idx=off,indirect_desc=off," + GuestOptions.NoOffloads)]
    [InlineData("packed=on")]
    [InlineData("packed=on,mrg_rxbuf=off,event_idx=off,indirect_desc=off")]
    [InlineData("packed=on," + GuestOptions.NoOffloads)]
    [InlineData("disable-legacy=on")]
    [InlineData("disable-modern=on")]
    [InlineData("disable-modern=on,mrg_rxbuf=off")]
    public async Task GuestTransfersDataThroughATap(string properties)
    {
        (NetworkNamespace network, QemuGuest guest) = await WireAsync(properties);
        Assert.Equal(5, await guest.PingAsync("10.50.0.1", 5, "-i 0.1"));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
    }

    [Fact]
    public async Task OffloadsThatTheGuestSwitchesOffWhileItRunsStayOff()
    {
        (NetworkNamespace network, QemuGuest guest) = await WireAsync("");
        string offloads = await guest.RunAsync("ethtool -k eth0");
        Assert.Contains("tx-checksumming: on", offloads, StringComparison.Ordinal);
        Assert.Contains("tcp-segmentation-offload: on", offloads, StringComparison.Ordinal);
        await guest.RunAsync("ethtool -K eth0 tx off sg off tso off gso off gro off");
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
        await guest.RunAsync("ethtool -K eth0 tx on sg on tso on gso on gro on");
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
    }

    [Fact]
    public async Task FourQueuePairsCarryTraffic()
    {
        const int pairs = 4;
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", "10.50.0.1/24", multiQueue: true);
        await StartDaemonAsync("tap:tap0", network, "--queue-pairs", "4");
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, QueuePairs = pairs, Processors = pairs });
        await guest.ConfigureAsync("10.50.0.2/24");
        await guest.RunAsync($"ethtool -L eth0 combined {pairs}");
        await guest.PingUntilAnsweredAsync("10.50.0.1", TimeSpan.FromSeconds(10));

        // One flow per processor: each sends on its own queue.
        for (int cpu = 0; cpu < pairs; cpu++)
        {
            await guest.RunAsync($"taskset {1 << cpu:x} ping -c 3 -i 0.1 10.50.0.1");
        }

        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
        string statistics = await guest.RunAsync("ethtool -S eth0");
        for (int queue = 0; queue < pairs; queue++)
        {
            Assert.Matches($"tx_queue_{queue}_packets: [1-9]", statistics);
        }

        await guest.RunAsync("ethtool -L eth0 combined 1");
        Assert.Equal(5, await guest.PingAsync("10.50.0.1", 5, "-i 0.1"));
    }

    [Theory]
    [InlineData("host_mtu=9000")]
    [InlineData("host_mtu=9000,mrg_rxbuf=off")]
    [InlineData("host_mtu=9000," + GuestOptions.NoOffloads)]
    public async Task JumboFramesPass(string properties)
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", "10.50.0.1/24", mtu: 9000);
        await StartDaemonAsync("tap:tap0", network, "--mtu", "9000");
        QemuGuest guest = await BootAsync(properties);
        Assert.Contains("mtu 9000", await guest.RunAsync("ip link show eth0"), StringComparison.Ordinal);
        await guest.ConfigureAsync("10.50.0.2/24", mtu: 9000);
        await guest.PingUntilAnsweredAsync("10.50.0.1", TimeSpan.FromSeconds(10));

        // 8972 bytes, an ICMP and an IP header: exactly one frame of the MTU.
        Assert.Equal(5, await guest.PingAsync("10.50.0.1", 5, "-i 0.1 -s 8972"));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
    }

    private async Task<(NetworkNamespace Network, QemuGuest Guest)> WireAsync(string properties)
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", "10.50.0.1/24");
        await StartDaemonAsync("tap:tap0", network);
        QemuGuest guest = await BootAsync(properties);
        await guest.ConfigureAsync("10.50.0.2/24");
        await guest.PingUntilAnsweredAsync("10.50.0.1", TimeSpan.FromSeconds(10));
        return (network, guest);
    }
}
