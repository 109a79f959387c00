using System.Diagnostics;
using System.Text.Json;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Top;

/// <summary>What the daemon said at one moment, by name, so that two of them give rates.</summary>
internal sealed class Sample
{
    private readonly Dictionary<string, JsonElement> _ports;
    private readonly Dictionary<string, JsonElement> _threads;

    /// <summary>Takes an answer to <c>GET /status</c>.</summary>
    /// <param name="status">The answer.</param>
    /// <param name="ticks">When it came, by <see cref="Stopwatch"/>.</param>
    public Sample(JsonElement status, long ticks)
    {
        Status = status;
        Ticks = ticks;
        _ports = ByName(status, "ports");
        _threads = ByName(status, "threads");
    }

    /// <summary>The answer.</summary>
    public JsonElement Status { get; }

    /// <summary>When it came.</summary>
    public long Ticks { get; }

    /// <summary>The ports.</summary>
    public IReadOnlyList<JsonElement> Ports => Status.Items("ports");

    /// <summary>The threads.</summary>
    public IReadOnlyList<JsonElement> Threads => Status.Items("threads");

    /// <summary>Seconds between two samples, never 0.</summary>
    public static double Seconds(Sample before, Sample now) => Math.Max(0.001, Stopwatch.GetElapsedTime(before.Ticks, now.Ticks).TotalSeconds);

    /// <summary>A port by its name; of kind Undefined when there was none.</summary>
    public JsonElement Port(string name) => _ports.GetValueOrDefault(name);

    /// <summary>A thread by its name; of kind Undefined when there was none.</summary>
    public JsonElement Thread(string name) => _threads.GetValueOrDefault(name);

    /// <summary>A ring of a port; of kind Undefined when there was none.</summary>
    public static JsonElement Ring(JsonElement port, long queue, string direction) =>
        port.Items("rings").FirstOrDefault(r => r.Number("queue") == queue && r.Text("direction") == direction);

    private static Dictionary<string, JsonElement> ByName(JsonElement status, string list) =>
        status.Items(list).DistinctBy(i => i.Text("name")).ToDictionary(i => i.Text("name"), StringComparer.Ordinal);
}
