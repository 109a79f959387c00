using System.Net;
using System.Text.Json;

namespace VhostNet.EndToEnd;

/// <summary>
/// A guest changes its rings while it runs (`ethtool -G`). That takes a reset of single rings, which QEMU keeps to itself for vhost-user; so the daemon does not offer
/// it, the guest's driver refuses, and the network goes on.
/// </summary>
public sealed class RingResetTests : EndToEndTest
{
    [Fact]
    public async Task TrafficGoesOnAfterTheGuestWantedOtherRings()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", "10.50.0.1/24");
        string config = Directory.File("reset.json");
        await File.WriteAllTextAsync(config, Configuration(new Dictionary<string, bool>()));
        await StartDaemonAsync(network, "--config", config);
        QemuGuest guest = await BootAsync();
        await guest.ConfigureAsync("10.50.0.2/24");
        await guest.PingUntilAnsweredAsync("10.50.0.1", TimeSpan.FromSeconds(10));
        CommandResult resize = await guest.TryRunAsync("ethtool -G eth0 rx 128");

        // ENOENT is what Linux says of a device without VIRTIO_F_RING_RESET.
        Assert.Contains("No such file or directory", resize.Output, StringComparison.Ordinal);
        Assert.Equal(5, await guest.PingAsync("10.50.0.1", 5, "-i 0.1 -W 2"));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.50.0.1"), 6, TimeSpan.FromSeconds(60));
    }

    private string Configuration(Dictionary<string, bool> features) => JsonSerializer.Serialize(new
    {
        networks = (object[])[new { name = "net", kind = "wire" }],
        ports = (object[])
        [
            new { name = "guest", kind = "vhost-user", network = "net", socket = new { path = SocketPath }, features },
            new { name = "up", kind = "tap", network = "net", @interface = "tap0" },
        ],
    });
}
