using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace VhostNet.EndToEnd;

/// <summary>
/// A guest of the other byte order. A legacy one writes rings and headers in its own (SET_VRING_ENDIAN), a modern one little-endian as everybody does. 6 MiB each
/// way, with a checksum, through both ways into a guest's buffers: read there by the kernel (tap), and copied (user).
/// </summary>
public sealed class BigEndianGuestTests : EndToEndTest
{
    private const int Mebibytes = 6;
    private static readonly TimeSpan s_transfer = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("max_revision=0")]
    [InlineData("max_revision=0,mrg_rxbuf=off")]
    [InlineData("")]
    [InlineData("mrg_rxbuf=off")]
    public async Task GuestTransfersDataThroughATap(string properties)
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", "10.50.0.1/24");
        await StartDaemonAsync("tap:tap0", network);
        QemuGuest guest = await BootAsync(properties);
        await guest.ConfigureAsync("10.50.0.2/24");
        await guest.PingUntilAnsweredAsync("10.50.0.1", TimeSpan.FromSeconds(10));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), Mebibytes, s_transfer);
        await AssertNoErrorsAsync(guest);
    }

    [Theory]
    [InlineData("max_revision=0")]
    [InlineData("max_revision=0,mrg_rxbuf=off")]
    public async Task GuestTransfersDataThroughUser(string properties)
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await StartDaemonAsync("user,hostLoopback=on", network);
        QemuGuest guest = await BootAsync(properties);
        await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        await TcpTransfer.RunAsync(guest, network, IPAddress.Loopback, Mebibytes, s_transfer, reachedAs: "10.0.2.2");
        await AssertNoErrorsAsync(guest);
    }

    /// <summary>Headers pass from a guest of one order to one of the other by reference, offloads among them.</summary>
    [Fact]
    public async Task GuestsOfBothOrdersReachEachOther()
    {
        string config = Directory.File("both.json");
        string other = Directory.File("other.sock");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            networks = (object[])[new { name = "net", kind = "wire" }],
            ports = (object[])
            [
                new { name = "big", kind = "vhost-user", network = "net", socket = new { path = SocketPath } },
                new { name = "little", kind = "vhost-user", network = "net", socket = new { path = other } },
            ],
        }));
        await StartDaemonAsync(null, "--config", config);
        QemuGuest big = await BootAsync("max_revision=0");
        QemuGuest little = await BootAsync(new GuestOptions { Name = "little", Socket = other, Mac = "52:54:00:aa:00:02" });
        await big.ConfigureAsync("10.50.0.1/24");
        await little.ConfigureAsync("10.50.0.2/24");
        await big.PingUntilAnsweredAsync("10.50.0.2", TimeSpan.FromSeconds(10));
        await TcpTransfer.BetweenGuestsAsync(big, little, "10.50.0.2", Mebibytes, s_transfer);
        await TcpTransfer.BetweenGuestsAsync(little, big, "10.50.0.1", Mebibytes, s_transfer);
        await AssertNoErrorsAsync(big);
    }

    private new Task<QemuGuest> BootAsync(string properties) =>
        BootAsync(new GuestOptions { Machine = GuestMachine.S390, Socket = SocketPath, DeviceProperties = properties });

    /// <summary>The driver counts a frame whose num_buffers it can't follow as an error of length.</summary>
    private static async Task AssertNoErrorsAsync(QemuGuest guest)
    {
        Assert.Matches("Big Endian", await guest.RunAsync("[ $(printf '\\1\\0' | hexdump -e '1/2 \"%u\"') = 256 ] && echo Big Endian"));
        string errors = await guest.RunAsync("cat /sys/class/net/eth0/statistics/rx_errors /sys/class/net/eth0/statistics/tx_errors");
        Assert.Equal(["0", "0"], Regex.Split(errors.Trim(), "\\s+"));
    }
}
