using System.Text.RegularExpressions;

namespace VhostNet.EndToEnd;

/// <summary>
/// Two hosts, each a namespace with its own vhostnetd and its own Open vSwitch, joined by VXLAN. Set up with the commands and the configuration of
/// docs/scaling.md, which are read from there.
/// </summary>
public sealed partial class ScalingTests : EndToEndTest
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task GuestsOfTwoHostsReachEachOtherThroughVxlan()
    {
        string manual = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "scaling.md"));
        string[] steps = [.. ShellBlock().Matches(manual).Select(match => match.Groups[1].Value)];
        Assert.Equal(4, steps.Length);
        string config = Assert.Single(JsonBlock().Matches(manual)).Groups[1].Value;

        NetworkNamespace[] hosts = [await CreateNamespaceAsync(), await CreateNamespaceAsync()];
        await hosts[0].ConnectAsync(hosts[1], "eth1");
        OpenVSwitch[] switches = await Task.WhenAll(StartHostAsync(hosts, 0, steps[..3], config), StartHostAsync(hosts, 1, steps[..3], config));

        QemuGuest[] guests = await Task.WhenAll(BootGuestAsync(0), BootGuestAsync(1));
        await guests[0].PingUntilAnsweredAsync("10.60.0.2", s_limit);
        Assert.Equal(10, await guests[0].PingAsync("10.60.0.2", 10, "-i 0.1"));

        // 1472 bytes, an ICMP and an IP header: a whole frame of the guests' MTU, not in fragments.
        Assert.Equal(5, await guests[1].PingAsync("10.60.0.1", 5, "-i 0.1 -s 1472"));
        await TcpTransfer.BetweenGuestsAsync(guests[0], guests[1], "10.60.0.2", 8, TimeSpan.FromSeconds(60));
        await TcpTransfer.BetweenGuestsAsync(guests[1], guests[0], "10.60.0.1", 8, TimeSpan.FromSeconds(60));

        for (int i = 0; i < hosts.Length; i++)
        {
            string seen = await switches[i].RunScriptAsync(steps[3]);
            Assert.Matches($@"(?m)^{Regex.Escape(Underlay(1 - i))} .* br-phy", seen);
            Assert.Contains(Mac(0), seen, StringComparison.Ordinal);
            Assert.Contains(Mac(1), seen, StringComparison.Ordinal);
            Assert.Matches(@"tx pkts=[1-9]", seen);
        }
    }

    private static string Underlay(int host) => $"192.0.2.{host + 1}";

    private static string Mac(int host) => $"52:54:00:cc:00:0{host + 1}";

    private string Socket(int host) => Directory.File($"host{host}.sock");

    private async Task<OpenVSwitch> StartHostAsync(NetworkNamespace[] hosts, int host, IEnumerable<string> steps, string config)
    {
        OpenVSwitch ovs = await StartOpenVSwitchAsync(hosts[host]);
        foreach (string step in steps)
        {
            await ovs.RunScriptAsync(step, ("UNDERLAY", "eth1"), ("LOCAL", Underlay(host)), ("REMOTE", Underlay(1 - host)));
        }

        string path = Directory.File($"host{host}.json");
        await File.WriteAllTextAsync(path, config.Replace("/run/vhostnet/vm0.sock", Socket(host), StringComparison.Ordinal));
        await StartDaemonAsync(hosts[host], "--config", path);
        return ovs;
    }

    private async Task<QemuGuest> BootGuestAsync(int host)
    {
        QemuGuest guest = await BootAsync(new GuestOptions { Name = $"guest of host {host}", Socket = Socket(host), Mac = Mac(host) });
        await guest.ConfigureAsync($"10.60.0.{host + 1}/24");
        return guest;
    }

    [GeneratedRegex("^```bash\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ShellBlock();

    [GeneratedRegex("^```json\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex JsonBlock();
}
