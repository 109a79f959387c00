namespace VhostNet.Samples;

/// <summary>The samples that need no guest.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task TheEventLoopShowsWhatItHas()
    {
        await using ChildProcess sample = await Sample.StartAsync("EventLoop");
        Assert.Equal(0, await sample.WaitForExitAsync(Sample.Limit));
        string output = sample.Output.ToString();
        string[] lines = ["bottom half ran, 1 time", "notifier was set by another thread", "timer fired", "await came back to the loop", "now on the worker", "and back", "done"];
        Assert.All(lines, line => Assert.Contains(line, output, StringComparison.Ordinal));
        Assert.DoesNotContain("2 time", output, StringComparison.Ordinal);
    }

    /// <summary>The responder answers the sample's ARP request; the answer names its address, 10.0.2.2 (0a000202).</summary>
    [Fact]
    public async Task TheFrontEndPrintsABackEndsFrames()
    {
        string program = Path.Combine(Repository.Root, "artifacts", "bin", "VhostNet.Daemon", "debug", "vhostnetd");
        string socket = _directory.File("net.sock");
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--socket-path", socket, "--uplink", "responder"], program: program);
        await using ChildProcess sample = await Sample.StartAsync("FrontEnd", socket, "1");
        Assert.Equal(0, await sample.WaitForExitAsync(Sample.Limit));
        Assert.Matches("> 52:54:00:00:00:01 type 0x0806 .*0a000202525400000001", sample.Output.ToString());
    }

    [Theory]
    [InlineData("Rng")]
    [InlineData("Blk")]
    [InlineData("FrontEnd")]
    public async Task WithoutArgumentsTheyTellHowTheyAreUsed(string name)
    {
        await using ChildProcess sample = await Sample.StartAsync(name);
        Assert.Equal(2, await sample.WaitForExitAsync(Sample.Limit));
        Assert.Contains($"usage: {name} SOCKET", sample.Output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFileThatIsNoDiskIsRefused()
    {
        string file = _directory.File("odd");
        await File.WriteAllTextAsync(file, "700 bytes", TestContext.Current.CancellationToken);
        await using ChildProcess sample = await Sample.StartAsync("Blk", _directory.File("blk.sock"), file);
        Assert.Equal(1, await sample.WaitForExitAsync(Sample.Limit));
        Assert.Contains("a whole number of sectors", sample.Output.ToString(), StringComparison.Ordinal);
    }
}
