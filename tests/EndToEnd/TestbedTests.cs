namespace VhostNet.EndToEnd;

/// <summary>The testbed itself, with DPDK's back end in the daemon's place: when these fail, the fault is not the daemon's.</summary>
[Collection(Alone.Name)]
public sealed class TestbedTests : EndToEndTest
{
    [Fact]
    public async Task GuestPingsThroughTheBackEndOfDpdk()
    {
        Testpmd backEnd = await StartTestpmdAsync(new TestpmdOptions { Devices = [TestpmdOptions.Vhost(0, SocketPath)], Forward = "icmpecho" });
        await backEnd.StartForwardingAsync();
        QemuGuest guest = await BootAsync();
        await guest.ConfigureAsync("10.77.0.2/24");
        await guest.PingUntilAnsweredAsync("10.77.0.1", TimeSpan.FromSeconds(10));
        Assert.Equal(10, await guest.PingAsync("10.77.0.1", 10, "-i 0.1"));
    }

    [Fact]
    public async Task FrontEndAndBackEndOfDpdkPassFrames()
    {
        await StartTestpmdAsync(new TestpmdOptions { Name = "back end", Devices = [TestpmdOptions.Vhost(0, SocketPath)], ExtraArguments = ["--auto-start"] });
        Testpmd frontEnd = await StartTestpmdAsync(new TestpmdOptions { Name = "front end", Devices = [TestpmdOptions.VirtioUser(0, SocketPath)] });
        await frontEnd.StartForwardingAsync(firstBursts: 4);
        PortStatistics statistics = await frontEnd.WaitForStatisticsAsync(s => s.RxPackets > 100_000, TimeSpan.FromSeconds(30));
        Assert.Equal(0, statistics.TxErrors);
    }
}
