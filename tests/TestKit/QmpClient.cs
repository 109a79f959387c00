using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>QEMU's machine protocol, as far as the tests need it: commands one after the other, and events to wait for.</summary>
public sealed class QmpClient : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private readonly UnixLine _line;
    private int _id;

    internal QmpClient(string name, string path) => _line = new UnixLine(name, path);

    /// <summary>What QEMU said.</summary>
    public Transcript Output => _line.Output;

    /// <summary>Runs a command and returns its reply.</summary>
    /// <exception cref="TestPeerException">QEMU answered with an error.</exception>
    public async Task<JsonNode> ExecuteAsync(string command, JsonObject? arguments = null)
    {
        string id = (++_id).ToString(CultureInfo.InvariantCulture);
        JsonObject request = new() { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        int from = Output.Length;
        await _line.SendAsync(request.ToJsonString() + "\n");
        Match reply = await Output.WaitForAsync(new Regex($"^.*\"id\": \"{id}\".*$", RegexOptions.Multiline), from, s_limit);
        JsonNode node = JsonNode.Parse(reply.Value)!;
        return node["return"] ?? throw Output.Failure($"refused {command}");
    }

    /// <summary>Waits until an event was reported.</summary>
    public Task WaitForEventAsync(string name, int from) =>
        Output.WaitForAsync(new Regex($"\"event\": \"{name}\""), from, s_limit);

    /// <inheritdoc/>
    public void Dispose() => _line.Dispose();

    internal async Task ConnectAsync()
    {
        await _line.AcceptAsync(s_limit);
        await Output.WaitForAsync("\"QMP\"", s_limit);
        await ExecuteAsync("qmp_capabilities");
    }
}
