using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests;

/// <summary>A daemon with a switch, a generator that sends and a port that swallows, and a guest's port that nobody uses.</summary>
internal sealed class RunningDaemon : IAsyncDisposable
{
    private RunningDaemon(TestDirectory directory, VhostnetdProcess process)
    {
        Directory = directory;
        Process = process;
    }

    public TestDirectory Directory { get; }

    public VhostnetdProcess Process { get; }

    public string Control => Directory.File("control.sock");

    public string Config => Directory.File("config.json");

    public static async Task<RunningDaemon> StartAsync(string more = "")
    {
        var directory = new TestDirectory();
        await File.WriteAllTextAsync(directory.File("config.json"), $$"""
            {
              "threads": [ {"name": "io0"} ],
              "networks": [ {"name": "lan", "kind": "switch"} ],
              "ports": [
                {"name": "sink", "kind": "null", "network": "lan"},
                {"name": "source", "kind": "generator", "network": "lan", "frameSize": 128, "rate": 500, "destinationMac": "02:00:00:00:00:07"},
                {"name": "vm0", "kind": "vhost-user", "network": "lan", "socket": {"path": "{{directory.File("vm0.sock")}}"} }
              ],
              "control": {"path": "{{directory.File("control.sock")}}"}{{more}}
            }
            """);
        return new RunningDaemon(directory, await VhostnetdProcess.StartAsync(directory, ["--config", directory.File("config.json")]));
    }

    /// <summary>Runs the tool against this daemon.</summary>
    public Task<ToolResult> CtlAsync(params string[] arguments) => ProgramsUnderTest.RunAsync(["--socket", Control, .. arguments]);

    /// <summary>Runs the tool, which has to succeed.</summary>
    public async Task<string> OkAsync(params string[] arguments)
    {
        ToolResult result = await CtlAsync(arguments);
        Assert.True(result.Status == 0, $"vhostnetctl {string.Join(' ', arguments)}: {result.Status}\n{result.Output}{result.Error}");
        return result.Output;
    }

    /// <summary>Runs the tool with --json, which has to succeed.</summary>
    public async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        using JsonDocument document = JsonDocument.Parse(await OkAsync([.. arguments, "--json"]));
        return document.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Dispose();
    }
}
