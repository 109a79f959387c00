using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace VhostNet.EndToEnd;

/// <summary>
/// Three guests at one switch: the first belongs to VLAN 10, the second to VLAN 10 by its untagged frames and to VLAN 20 by its tagged ones, the third
/// to VLAN 20. All addresses are of one network, so that nothing but the VLANs keeps guests apart.
/// </summary>
public sealed class SwitchTests : EndToEndTest
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task GuestsReachTheirOwnVlansOnly()
    {
        QemuGuest[] guests = await BootThreeAsync();
        await guests[0].PingUntilAnsweredAsync("10.70.0.2", s_limit);
        await guests[2].PingUntilAnsweredAsync("10.70.1.2", s_limit);
        Assert.Equal(10, await guests[0].PingAsync("10.70.0.2", 10, "-i 0.1"));
        Assert.Equal(10, await guests[2].PingAsync("10.70.1.2", 10, "-i 0.1"));

        // The first asks the third by broadcast, which arrives nowhere outside of its VLAN. Meanwhile nobody else has anything to say in the third's VLAN.
        await guests[1].RunAsync("ip link set eth0.20 down");
        await Task.WhenAll(guests.Select(guest => guest.RunAsync("ip neigh flush dev eth0")));
        long before = await ReceivedAsync(guests[2]);
        Assert.Equal(0, await guests[0].PingAsync("10.70.0.3", 3, "-W 1"));
        Assert.Equal(0, await guests[0].PingAsync("10.70.1.2", 3, "-W 1"));
        Assert.Equal(before, await ReceivedAsync(guests[2]));

        // Nor does a frame that the first tags for the other VLAN, or that is addressed to the third's MAC.
        await guests[0].RunAsync("ip link add link eth0 name eth0.20 type vlan id 20 && ip addr add 10.70.1.1/24 dev eth0.20 && ip link set eth0.20 up");
        Assert.Equal(0, await guests[0].PingAsync("10.70.1.2", 3, "-W 1"));
        await guests[0].RunAsync($"arp -i eth0 -s 10.70.0.3 {Mac(2)}");
        Assert.Equal(0, await guests[0].PingAsync("10.70.0.3", 3, "-W 1"));
        Assert.Equal(before, await ReceivedAsync(guests[2]));
        await guests[1].RunAsync("ip link set eth0.20 up");
        Assert.Equal(3, await guests[2].PingAsync("10.70.1.2", 3, "-i 0.1"));
    }

    [Fact]
    public async Task OneGuestIsUnpluggedUnderTrafficAndTheOthersLoseNothing()
    {
        QemuGuest[] guests = await BootThreeAsync();
        await guests[0].PingUntilAnsweredAsync("10.70.0.2", s_limit);
        await guests[2].PingUntilAnsweredAsync("10.70.1.2", s_limit);
        await FloodAsync(guests[2], "10.70.1.2");
        await FloodAsync(guests[1], "10.70.1.3");

        // The third dies after the first answers and long before the last one.
        int from = guests[0].Agent.Length;
        Task<int> pings = guests[0].PingAsync("10.70.0.2", 150, "-i 0.05");
        await guests[0].Agent.WaitForAsync(new Regex("seq=20 "), from, s_limit);
        await guests[2].Qemu.KillAsync();
        Assert.False(pings.IsCompleted);
        Assert.Equal(150, await pings);

        // Its place is free for the next.
        await guests[1].RunAsync("killall ping");
        QemuGuest next = await BootAsync(Options(2, ""));
        await ConfigureAsync(next, 2);
        await next.PingUntilAnsweredAsync("10.70.1.2", s_limit);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(GuestOptions.NoOffloads, GuestOptions.NoOffloads)]
    [InlineData("", GuestOptions.NoOffloads)]
    public async Task GuestsExchangeDataOverTcp(string first, string second)
    {
        await StartSwitchAsync();
        QemuGuest[] guests = await Task.WhenAll(BootAsync(Options(0, first)), BootAsync(Options(1, second)));
        await ConfigureAsync(guests[0], 0);
        await ConfigureAsync(guests[1], 1);
        await guests[0].PingUntilAnsweredAsync("10.70.0.2", s_limit);
        await TcpTransfer.BetweenGuestsAsync(guests[0], guests[1], "10.70.0.2", 32, TimeSpan.FromSeconds(90));
        await TcpTransfer.BetweenGuestsAsync(guests[1], guests[0], "10.70.0.1", 32, TimeSpan.FromSeconds(90));
    }

    private static string Mac(int index) => $"52:54:00:bb:00:0{index + 1}";

    private static Task<string> FloodAsync(QemuGuest guest, string address) =>
        guest.RunAsync($"for n in 1 2 3; do ping -q -A -s 1400 {address} >/dev/null 2>&1 & done; ping -c 5 -A {address}");

    private static async Task<long> ReceivedAsync(QemuGuest guest) =>
        long.Parse(await guest.RunAsync("cat /sys/class/net/eth0/statistics/rx_packets"), CultureInfo.InvariantCulture);

    // 10.70.0.0/24 is VLAN 10's and 10.70.1.0/24 VLAN 20's; the third also has an address of the first's network, which must not help.
    private static Task<string> ConfigureAsync(QemuGuest guest, int index)
    {
        const string insmod = "for module in $(cat /modules/vlan); do insmod /modules/$module; done; ";
        string addresses = index switch
        {
            0 => "ip addr add 10.70.0.1/24 dev eth0",
            1 => "ip addr add 10.70.0.2/24 dev eth0 && ip link add link eth0 name eth0.20 type vlan id 20 && ip addr add 10.70.1.2/24 dev eth0.20 && ip link set eth0.20 up",
            _ => "ip addr add 10.70.1.3/24 dev eth0 && ip addr add 10.70.0.3/24 dev eth0",
        };

        // Without IPv6 a guest says nothing of its own accord.
        return guest.RunAsync($"{insmod}echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set eth0 up && {addresses}");
    }

    private async Task<QemuGuest[]> BootThreeAsync()
    {
        await StartSwitchAsync();
        QemuGuest[] guests = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => BootAsync(Options(i, ""))));
        for (int i = 0; i < guests.Length; i++)
        {
            await ConfigureAsync(guests[i], i);
        }

        return guests;
    }

    private GuestOptions Options(int index, string properties) =>
        new() { Name = $"guest{index}", Socket = Directory.File($"guest{index}.sock"), Mac = Mac(index), DeviceProperties = properties };

    private async Task StartSwitchAsync()
    {
        string config = Directory.File("switch.json");
        await File.WriteAllTextAsync(config, Configuration());
        await StartDaemonAsync(null, "--config", config);
    }

    private string Configuration() => JsonSerializer.Serialize(new
    {
        networks = new[] { new { name = "lan", kind = "switch" } },
        ports = new[]
        {
            Port(0, new { mode = "access", vlan = 10 }),
            Port(1, new { mode = "trunk", vlans = new[] { 10, 20 }, nativeVlan = 10 }),
            Port(2, new { mode = "access", vlan = 20 }),
        },
    });

    private object Port(int index, object place) =>
        new { name = $"guest{index}", kind = "vhost-user", network = "lan", socket = new { path = Directory.File($"guest{index}.sock") }, @switch = place };
}
