using System.Net;

namespace VhostNet.EndToEnd;

/// <summary>Guests and back ends that end, restart and come back, under traffic: what is left has to carry frames again.</summary>
public sealed class LifecycleTests : EndToEndTest
{
    private const string Host = "10.50.0.1";
    private const string GuestAddress = "10.50.0.2/24";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task GuestRebootsAndPingsAgain()
    {
        await StartTapDaemonAsync();
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, MayReboot = true });
        await ConfigureAndPingAsync(guest);
        for (int i = 0; i < 2; i++)
        {
            int from = guest.Agent.Length;
            Task<string> reboot = guest.RunAsync("reboot -f");
            await guest.WaitUntilReadyAsync(from);
            Assert.False(reboot.IsCompleted);
            await ConfigureAndPingAsync(guest);
        }
    }

    [Fact]
    public async Task ResetButtonUnderTrafficLeavesAWorkingNetwork()
    {
        await StartTapDaemonAsync();
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, MayReboot = true });
        await ConfigureAndPingAsync(guest);
        await FloodAsync(guest);
        await guest.ResetAsync();
        await ConfigureAndPingAsync(guest);
    }

    [Theory]
    [InlineData("")]
    [InlineData("packed=on")]
    public async Task DriverIsUnboundAndBoundAgain(string properties)
    {
        await StartTapDaemonAsync();
        QemuGuest guest = await BootAsync(properties);
        await ConfigureAndPingAsync(guest);
        for (int i = 0; i < 3; i++)
        {
            await FloodAsync(guest);
            await guest.RunAsync("killall ping; cd /sys/bus/virtio/drivers/virtio_net && echo virtio0 >unbind && [ ! -e /sys/class/net/eth0 ] && echo virtio0 >bind");
            await ConfigureAndPingAsync(guest);
        }
    }

    [Fact]
    public async Task InterfaceGoesDownAndUp()
    {
        await StartTapDaemonAsync();
        QemuGuest guest = await BootAsync();
        await ConfigureAndPingAsync(guest);
        for (int i = 0; i < 3; i++)
        {
            await FloodAsync(guest);
            await guest.RunAsync("killall ping; ip link set eth0 down; ip link set eth0 up");
            await guest.PingUntilAnsweredAsync(Host, s_limit);
        }
    }

    [Fact]
    public async Task GuestStopsAndContinuesUnderTraffic()
    {
        await StartTapDaemonAsync();
        QemuGuest guest = await BootAsync();
        await ConfigureAndPingAsync(guest);
        await FloodAsync(guest);
        for (int i = 0; i < 5; i++)
        {
            // QEMU takes the rings back (GET_VRING_BASE) and hands them over again where they stood.
            await guest.Qmp.ExecuteAsync("stop");
            await guest.Qmp.ExecuteAsync("cont");
        }

        await guest.RunAsync("killall ping");
        Assert.Equal(10, await guest.PingAsync(Host, 10, "-i 0.1"));
    }

    [Fact]
    public async Task QemuIsKilledUnderTrafficAndStartedAgain()
    {
        VhostnetdProcess daemon = await StartTapDaemonAsync();
        for (int i = 0; i < 3; i++)
        {
            QemuGuest guest = await BootAsync();
            await ConfigureAndPingAsync(guest);
            await FloodAsync(guest);
            await guest.Qemu.KillAsync();
        }

        QemuGuest last = await BootAsync("packed=on");
        await ConfigureAndPingAsync(last);
        Assert.False(daemon.Process.Exited.IsCompleted);
        Assert.Equal(0, await daemon.Process.TerminateAsync());
    }

    [Theory]
    [InlineData(SIGKILL, "")]
    [InlineData(SIGTERM, "")]
    [InlineData(SIGKILL, "event_idx=off,indirect_desc=off")]
    [InlineData(SIGKILL, "packed=on")]
    [InlineData(SIGTERM, "packed=on,mrg_rxbuf=off,event_idx=off,indirect_desc=off")]
    public async Task DaemonEndsAndComesBackToAReconnectingGuest(int signal, string properties)
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", Host + "/24");
        VhostnetdProcess daemon = await StartDaemonAsync("tap:tap0", network);
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, Reconnect = true, DeviceProperties = properties });
        await ConfigureAndPingAsync(guest);
        for (int i = 0; i < 2; i++)
        {
            await FloodAsync(guest);
            daemon.Process.Signal(signal);
            await daemon.Process.WaitForExitAsync(s_limit);
            daemon = await StartDaemonAsync("tap:tap0", network);
            await guest.PingUntilAnsweredAsync(Host, s_limit);
            await guest.RunAsync("killall ping");
        }

        Assert.Equal(10, await guest.PingAsync(Host, 10, "-i 0.1"));
        await TcpTransfer.RunAsync(guest, network, IPAddress.Parse(Host), 16, TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task DaemonConnectsToAFrontEndThatListensAndReconnectsAfterItsEnd()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", Host + "/24");
        await StartDaemonAsync("tap:tap0", network, "--client");
        for (int i = 0; i < 2; i++)
        {
            QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, SocketServer = true });
            await ConfigureAndPingAsync(guest);
            await guest.Qemu.KillAsync();
            File.Delete(SocketPath);
        }
    }

    private async Task<VhostnetdProcess> StartTapDaemonAsync()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        await network.CreateTapAsync("tap0", Host + "/24");
        return await StartDaemonAsync("tap:tap0", network);
    }

    private static async Task ConfigureAndPingAsync(QemuGuest guest)
    {
        await guest.ConfigureAsync(GuestAddress);
        await guest.PingUntilAnsweredAsync(Host, s_limit);
    }

    // Both directions are busy from here on: each request is sent as soon as the answer to the one before is there, by three processes.
    private static Task<string> FloodAsync(QemuGuest guest) =>
        guest.RunAsync($"for n in 1 2 3; do ping -q -A -s 1400 {Host} >/dev/null 2>&1 & done; ping -c 5 -A {Host}");
}
