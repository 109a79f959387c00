namespace VhostNet.EndToEnd;

/// <summary>
/// The published files on processors that this machine is not: arm64, and an x86-64 without AVX. QEMU's user mode runs the daemon, whose descriptors, guest memory and
/// wake-ups are the host's. What it does not show is arm64's weak memory order: docs/memory-order.md lists what stands on it.
/// </summary>
[Collection(Alone.Name)]
public sealed class EmulatedTests : EndToEndTest
{
    private static string Arm64
    {
        get
        {
            string path = Path.Combine(Repository.Root, "out", "vhostnetd-linux-arm64");
            return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: run ./build.sh --rid linux-arm64", path);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("packed=on")]
    public async Task Arm64ServesAGuest(string properties)
    {
        await StartArm64Async();
        await CheckGuestAsync(properties);
    }

    [Theory]
    [InlineData("Nehalem")]
    [InlineData("max")]
    public async Task OneFileRunsOnOldProcessors(string cpu)
    {
        await StartAsync("qemu-x86_64-static", "-cpu", cpu, Repository.Daemon);
        await CheckGuestAsync("");
    }

    [Fact]
    public async Task AnArm64DaemonIsReplacedUnderARunningGuest()
    {
        VhostnetdProcess first = await StartArm64Async();
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, Reconnect = true, DeviceProperties = "packed=on" });
        await guest.ConfigureAsync("10.0.2.15/24");
        await guest.PingUntilAnsweredAsync("10.0.2.2", TimeSpan.FromSeconds(20));
        await first.DisposeAsync();
        await StartArm64Async();
        await guest.PingUntilAnsweredAsync("10.0.2.2", TimeSpan.FromSeconds(30));
    }

    private Task<VhostnetdProcess> StartAsync(string emulator, params string[] before) =>
        StartDaemonUnderAsync(emulator, [.. before, "--socket-path", SocketPath, "--uplink", "responder"]);

    private Task<VhostnetdProcess> StartArm64Async() => StartAsync("qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", Arm64);

    private async Task CheckGuestAsync(string properties)
    {
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, DeviceProperties = properties });
        string lease = await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        Assert.Contains("lease: address", lease, StringComparison.Ordinal);
        Assert.Equal(5, await guest.PingAsync("10.0.2.2", 5, "-i 0.2"));

        // In fragments, which go through receive buffers whole, and whose checksums the guest checks.
        Assert.Equal(3, await guest.PingAsync("10.0.2.2", 3, "-i 0.2 -s 8000"));
    }
}
