using System.Text.Json;

namespace VhostNet.EndToEnd;

/// <summary>Two guests at one daemon: what happens to one is nothing to the other.</summary>
public sealed class TwoGuestsTests : EndToEndTest
{
    [Fact]
    public async Task OneGuestIsKilledAndTheOtherLosesNothing()
    {
        NetworkNamespace network = await CreateNamespaceAsync();
        string config = Directory.File("two.json");
        await File.WriteAllTextAsync(config, Configuration());
        for (int i = 0; i < 2; i++)
        {
            await network.CreateTapAsync($"tap{i}", $"10.5{i}.0.1/24");
        }

        VhostnetdProcess daemon = await StartDaemonAsync(network, "--config", config);
        QemuGuest victim = await BootGuestAsync(0);
        QemuGuest survivor = await BootGuestAsync(1);
        await victim.RunAsync("for n in 1 2 3; do ping -q -A -s 1400 10.50.0.1 >/dev/null 2>&1 & done; ping -c 5 -A 10.50.0.1");

        // The victim dies after the survivor's first answers and long before its last one.
        int from = survivor.Agent.Length;
        Task<int> pings = survivor.PingAsync("10.51.0.1", 200, "-i 0.05");
        await survivor.Agent.WaitForAsync(new System.Text.RegularExpressions.Regex("seq=20 "), from, TimeSpan.FromSeconds(60));
        await victim.Qemu.KillAsync();
        Assert.False(pings.IsCompleted);
        Assert.Equal(200, await pings);

        QemuGuest next = await BootGuestAsync(0);
        Assert.Equal(10, await next.PingAsync("10.50.0.1", 10, "-i 0.1"));
        Assert.False(daemon.Process.Exited.IsCompleted);
    }

    private async Task<QemuGuest> BootGuestAsync(int index)
    {
        QemuGuest guest = await BootAsync(new GuestOptions { Name = $"guest{index}", Socket = Directory.File($"guest{index}.sock"), Mac = $"52:54:00:aa:00:0{index + 1}" });
        await guest.ConfigureAsync($"10.5{index}.0.2/24");
        await guest.PingUntilAnsweredAsync($"10.5{index}.0.1", TimeSpan.FromSeconds(30));
        return guest;
    }

    private string Configuration() => JsonSerializer.Serialize(new
    {
        networks = Enumerable.Range(0, 2).Select(i => new { name = $"net{i}", kind = "wire" }),
        ports = Enumerable.Range(0, 2).SelectMany(i => (object[])
        [
            new { name = $"guest{i}", kind = "vhost-user", network = $"net{i}", socket = new { path = Directory.File($"guest{i}.sock") } },
            new { name = $"up{i}", kind = "tap", network = $"net{i}", @interface = $"tap{i}" },
        ]),
    });
}
