namespace VhostNet.EndToEnd;

/// <summary>DPDK's virtio-user driver as the front end, in its forwarding modes, against the ports that need no uplink.</summary>
[Collection(Alone.Name)]
public sealed class DpdkTests : EndToEndTest
{
    private const long Enough = 50_000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("")]
    [InlineData(",mrg_rxbuf=0")]
    [InlineData(",in_order=1")]
    [InlineData(",packed_vq=1")]
    [InlineData(",packed_vq=1,mrg_rxbuf=0,in_order=1")]
    [InlineData(",packed_vq=1,in_order=1")]
    public async Task FramesComeBackFromAHairpin(string properties)
    {
        await StartDaemonAsync("hairpin");
        Testpmd testpmd = await StartFrontEndAsync("io", properties);
        await testpmd.StartForwardingAsync(firstBursts: 4);
        PortStatistics statistics = await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough && s.TxPackets > Enough, s_limit);
        Assert.Equal(0, statistics.RxErrors);
        await testpmd.QuitAsync();
    }

    [Fact]
    public async Task LargeFramesComeBackFromAHairpin()
    {
        await StartDaemonAsync("hairpin");
        Testpmd testpmd = await StartFrontEndAsync("io", "");
        await testpmd.CommandAsync("set txpkts 1518");
        await testpmd.StartForwardingAsync(firstBursts: 4);
        await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough, s_limit);
        await testpmd.QuitAsync();
    }

    /// <summary>Chains of several descriptors, or indirect tables: the driver sends the header in one of its own, and with packed rings leaves its WRITE flag set.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(",packed_vq=1")]
    public async Task FramesOfSeveralBuffersComeBackFromAHairpin(string properties)
    {
        await StartDaemonAsync("hairpin");
        Testpmd testpmd = await StartTestpmdAsync(new TestpmdOptions
        {
            Devices = [TestpmdOptions.VirtioUser(0, SocketPath, properties)],
            ExtraArguments = ["--tx-offloads=0x8000"],
        });
        await testpmd.CommandAsync("set txpkts 600,500,400");
        await testpmd.StartForwardingAsync(firstBursts: 4);
        PortStatistics statistics = await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough && s.TxPackets > Enough, s_limit);
        Assert.Equal(0, statistics.RxErrors);
        await testpmd.QuitAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(",packed_vq=1")]
    public async Task TheNullPortTakesEverything(string properties)
    {
        await StartDaemonAsync("null");
        Testpmd testpmd = await StartFrontEndAsync("txonly", properties);
        await testpmd.StartForwardingAsync();
        PortStatistics statistics = await testpmd.WaitForStatisticsAsync(s => s.TxPackets > Enough, s_limit);
        Assert.Equal(0, statistics.RxPackets);
        await testpmd.QuitAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(",mrg_rxbuf=0")]
    [InlineData(",packed_vq=1")]
    public async Task TheGeneratorFillsTheReceiver(string properties)
    {
        await StartDaemonAsync("generator");
        Testpmd testpmd = await StartFrontEndAsync("rxonly", properties);
        await testpmd.StartForwardingAsync();
        PortStatistics statistics = await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough, s_limit);
        Assert.Equal(0, statistics.RxErrors);
        await testpmd.QuitAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(",packed_vq=1")]
    public async Task TwoQueuePairsComeBackFromAHairpin(string properties)
    {
        await StartDaemonAsync("hairpin", null, "--queue-pairs", "2");
        Testpmd testpmd = await StartTestpmdAsync(new TestpmdOptions
        {
            Devices = [TestpmdOptions.VirtioUser(0, SocketPath, ",queues=2" + properties)],
            Queues = 2,
        });
        await testpmd.StartForwardingAsync(firstBursts: 4);
        await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough, s_limit);
        await testpmd.QuitAsync();
    }

    [Fact]
    public async Task FrontEndsComeAndGoAtOneDaemon()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("hairpin");
        foreach (string properties in (string[])["", ",packed_vq=1", ""])
        {
            Testpmd testpmd = await StartFrontEndAsync("io", properties);
            await testpmd.StartForwardingAsync(firstBursts: 4);
            await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough, s_limit);
            await testpmd.Process.KillAsync();
        }

        Assert.False(daemon.Process.Exited.IsCompleted);
        Assert.Equal(0, await daemon.Process.TerminateAsync());
    }

    [Fact]
    public async Task DaemonConnectsToADriverThatListens()
    {
        await StartDaemonAsync("hairpin", null, "--client");
        Testpmd testpmd = await StartFrontEndAsync("io", ",server=1");
        await testpmd.StartForwardingAsync(firstBursts: 4);
        await testpmd.WaitForStatisticsAsync(s => s.RxPackets > Enough, s_limit);
        await testpmd.QuitAsync();
    }

    private Task<Testpmd> StartFrontEndAsync(string forward, string properties) =>
        StartTestpmdAsync(new TestpmdOptions { Devices = [TestpmdOptions.VirtioUser(0, SocketPath, properties)], Forward = forward });
}
