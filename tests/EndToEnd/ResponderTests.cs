namespace VhostNet.EndToEnd;

/// <summary>A guest with the responder as its whole network: a lease and pings, with nothing of the machine involved.</summary>
public sealed class ResponderTests : EndToEndTest
{
    [Fact]
    public async Task GuestGetsALeaseAndPings()
    {
        await StartDaemonAsync("responder");
        QemuGuest guest = await BootAsync();
        string lease = await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        Assert.Contains("lease: address", lease, StringComparison.Ordinal);
        string router = System.Text.RegularExpressions.Regex.Match(lease, "router ([0-9.]+)").Groups[1].Value;
        Assert.Equal(10, await guest.PingAsync(router, 10, "-i 0.1"));

        // In fragments, which the guest makes and puts together itself.
        Assert.Equal(5, await guest.PingAsync(router, 5, "-i 0.1 -s 4000"));
        Assert.Equal(5, await guest.PingAsync(router, 5, "-i 0.1 -s 60000"));
    }
}
