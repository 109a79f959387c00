using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Tests;

public sealed class ThreadPlacementTests
{
    private static readonly string[] s_threads = ["io0", "io1", "io2"];

    [Theory]
    [InlineData(1, 4, 1)]
    [InlineData(3, 4, 3)]
    [InlineData(64, 4, 4)]
    public void ThereIsAThreadForEachQueuePairAtMostOnePerProcessor(int pairs, int processors, int expected)
    {
        var options = new DaemonOptions { Ports = [Guest("a", pairs), Uplink("u")] };
        Assert.Equal(Enumerable.Range(0, expected).Select(i => $"io{i}"), ThreadPlacement.Threads(options, processors).Select(t => t.Name));
    }

    [Fact]
    public void ConfiguredThreadsAreTaken()
    {
        var options = new DaemonOptions { Threads = [new ThreadOptions("data")], Ports = [Guest("a", 8)] };
        Assert.Equal(["data"], ThreadPlacement.Threads(options, 4).Select(t => t.Name));
    }

    [Fact]
    public void GuestsAreDealtOutInTurn()
    {
        PortOptions[] ports = [Guest("a", 1), Uplink("u"), Guest("b", 1), Guest("c", 1), Guest("d", 1)];
        Assert.Equal(["io0", "io1", "io2"], ThreadPlacement.For(ports[0], ports, s_threads));
        Assert.Equal("io1", ThreadPlacement.For(ports[2], ports, s_threads)[0]);
        Assert.Equal("io2", ThreadPlacement.For(ports[3], ports, s_threads)[0]);
        Assert.Equal("io0", ThreadPlacement.For(ports[4], ports, s_threads)[0]);
    }

    [Fact]
    public void AnUplinkSharesItsGuestsThreads()
    {
        PortOptions[] ports = [Guest("a", 1), Guest("b", 1) with { Network = "n" }, Uplink("u") with { Network = "n" }];
        Assert.Equal(ThreadPlacement.For(ports[1], ports, s_threads), ThreadPlacement.For(ports[2], ports, s_threads));
        PortOptions[] pinned = [ports[0], ports[1] with { Threads = ["io2"] }, ports[2]];
        Assert.Equal(["io2"], ThreadPlacement.For(pinned[2], pinned, s_threads));
        Assert.Equal(["io0"], ThreadPlacement.For(ports[2] with { Threads = ["io0"] }, ports, s_threads));
    }

    private static PortOptions Guest(string name, int pairs) => new(name, PortOptions.VhostUser) { QueuePairs = pairs };

    private static PortOptions Uplink(string name) => new(name, "null");
}
