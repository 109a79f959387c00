using System.Net;

namespace VhostNet.EndToEnd;

/// <summary>A guest whose tap is a port of Open vSwitch's user-space datapath.</summary>
public sealed class OpenVSwitchTests : EndToEndTest
{
    [Fact]
    public async Task GuestReachesTheBridgeThroughItsTap()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        OpenVSwitch ovs = await StartOpenVSwitchAsync(network);
        await ovs.CreateBridgeAsync("br0", "10.60.0.1/24");
        await network.CreateTapAsync("tap0", address: null);

        // The switch reads the tap with a packet socket and completes no checksums: the daemon has to.
        await StartDaemonAsync("tap:tap0,offloads=off", network);
        await ovs.AddPortAsync("br0", "tap0");
        QemuGuest guest = await BootAsync();
        await guest.ConfigureAsync("10.60.0.2/24");
        await guest.PingUntilAnsweredAsync("10.60.0.1", TimeSpan.FromSeconds(30));
        Assert.Equal(10, await guest.PingAsync("10.60.0.1", 10, "-i 0.1"));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse("10.60.0.1"), 16, TimeSpan.FromSeconds(90));
    }
}
