using System.Net.Sockets;
using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>The program as its users see it: arguments in, lines and exit codes out.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("--print-capabilities")]
    [InlineData("--print-capabilities", "--socket-path", "/nonexistent/x", "--nonsense")]
    public async Task CapabilitiesArePrintedWhateverElseIsAsked(params string[] arguments)
    {
        (int status, string output) = await RunAsync(arguments);
        Assert.Equal(0, status);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal("net", json.RootElement.GetProperty("type").GetString());
        Assert.Equal(0, json.RootElement.GetProperty("features").GetArrayLength());
    }

    [Fact]
    public async Task VersionAndHelpArePrinted()
    {
        (int status, string output) = await RunAsync("--version");
        Assert.Equal(0, status);
        Assert.Matches("^[0-9]+\\.[0-9]+\\.[0-9]+", output);
        (status, output) = await RunAsync("--help");
        Assert.Equal(0, status);
        Assert.Contains("--socket-path <PATH>", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACorrectConfigurationCanBeChecked()
    {
        string file = _directory.File("good.json");
        await File.WriteAllTextAsync(file, """{"ports": [{"name": "a", "kind": "null"}]}""");
        (int status, string output) = await RunAsync("--config", file, "--check-config");
        Assert.Equal(0, status);
        Assert.Equal($"{file}: correct\n", output);
    }

    [Fact]
    public async Task ASocketInUseEndsWithStatus4()
    {
        string path = _directory.File("live.sock");
        using var live = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        live.Bind(new UnixDomainSocketEndPoint(path));
        live.Listen();
        (int status, string output) = await RunAsync("--socket-path", path, "--uplink", "null", "--log-level", "error");
        Assert.Equal(4, status);
        Assert.StartsWith($"vhostnetd: port guest: '{path}' belongs to a socket that is in use", output, StringComparison.Ordinal);
        Assert.True(File.Exists(path));
    }

    [Fact]
    public async Task AFileThatIsNoSocketIsLeftAlone()
    {
        string path = _directory.File("notes.txt");
        await File.WriteAllTextAsync(path, "mine");
        (int status, string output) = await RunAsync("--socket-path", path, "--uplink", "null", "--log-level", "error");
        Assert.Equal(3, status);
        Assert.Contains("exists and is not a socket", output, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(path));
    }

    private Task<(int Status, string Output)> RunAsync(params string[] arguments) => VhostnetdProcess.RunToEndAsync(_directory, arguments);
}
