using VhostNet.Daemon.Configuration;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Deploy;

/// <summary>The files under deploy/, judged by the programs that will read them.</summary>
public sealed class UnitFileTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private readonly TestDirectory _directory = new();

    public UnitFileTests()
    {
        // The checker wants the program to be there; it is not installed on this machine.
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "deploy", "systemd")))
        {
            string text = File.ReadAllText(file).Replace("/usr/bin/vhostnetd", Repository.Daemon, StringComparison.Ordinal);
            File.WriteAllText(_directory.File(Path.GetFileName(file)), text);
        }
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("vhostnetd.service")]
    [InlineData("vhostnetd@guest.service")]
    [InlineData("vhostnetd.socket")]
    [InlineData("vhostnetd@guest.socket")]
    public async Task AUnitIsValid(string unit)
    {
        (int status, string output) = await RunAsync("systemd-analyze", "verify", _directory.File(unit));
        Assert.Equal(string.Empty, output);
        Assert.Equal(0, status);
    }

    [Theory]
    [InlineData("vhostnetd.service", null, 11)]
    [InlineData("vhostnetd@.service", null, 11)]
    [InlineData("vhostnetd.service", "vhostnetd.service.d/tap.conf", 15)]
    [InlineData("vhostnetd@.service", "vhostnetd@.service.d/tap.conf", 15)]
    [InlineData("vhostnetd.service", "vhostnetd.service.d/af-packet.conf", 16)]
    [InlineData("vhostnetd@.service", "vhostnetd@.service.d/cpu.conf", 12)]
    public async Task AServiceIsExposedLittle(string unit, string? dropIn, int tenths)
    {
        if (dropIn is not null)
        {
            string target = _directory.File(dropIn);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(Repository.Root, "deploy", "systemd", dropIn), target);
        }

        (int status, string output) = await RunAsync("systemd-analyze", "security", "--offline=true", $"--threshold={tenths}", "--no-pager", _directory.File(unit));
        Assert.Contains("Overall exposure level", output, StringComparison.Ordinal);
        Assert.True(status == 0, $"the exposure is more than {tenths / 10.0}:\n{output}");
    }

    [Fact]
    public void TheDiscoveryFileIsWhatTheSpecificationAsksFor()
    {
        string file = Assert.Single(Directory.EnumerateFiles(Path.Combine(Repository.Root, "deploy"), "*.json"));
        Assert.Matches("^[0-9]{2}-", Path.GetFileName(file));
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(file));
        Assert.Equal("net", json.RootElement.GetProperty("type").GetString());
        Assert.True(Path.IsPathRooted(json.RootElement.GetProperty("binary").GetString()));
        Assert.NotEmpty(json.RootElement.GetProperty("description").GetString()!);
    }

    [Fact]
    public void TheExamplesAreCorrect()
    {
        string[] files = Directory.GetFiles(Path.Combine(Repository.Root, "deploy", "examples"), "*.json");
        Assert.NotEmpty(files);
        Assert.All(files, file => ConfigReader.ReadFile(file));
    }

    [Fact]
    public async Task TheScriptsAreValid()
    {
        foreach (string script in Directory.EnumerateFiles(Path.Combine(Repository.Root, "deploy", "qemu"), "*.sh"))
        {
            Assert.Equal((0, string.Empty), await RunAsync("sh", "-n", script));
        }

        Assert.NotNull(System.Xml.Linq.XDocument.Load(Path.Combine(Repository.Root, "deploy", "libvirt", "guest.xml")).Root);
    }

    private static async Task<(int Status, string Output)> RunAsync(string program, params string[] arguments)
    {
        await using ChildProcess process = await ChildProcess.StartAsync(program, program, arguments);
        int status = await process.WaitForExitAsync(s_timeout);
        return (status, process.Output.ToString());
    }
}
