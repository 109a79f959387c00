using System.Text.Json;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Top;

/// <summary>What happened between two samples. Pure.</summary>
internal static class Rates
{
    /// <summary>The ports, each followed by its queues if they are asked for.</summary>
    public static IReadOnlyList<TopRow> Ports(Sample before, Sample now, bool queues)
    {
        double seconds = Sample.Seconds(before, now);
        var rows = new List<TopRow>();
        foreach (JsonElement port in now.Ports)
        {
            JsonElement old = before.Port(port.Text("name"));
            rows.Add(Port(port, old, seconds));
            if (queues)
            {
                rows.AddRange(port.Items("rings").Where(r => r.IsTrue("running")).Select(r => Queue(port, r, Sample.Ring(old, r.Number("queue"),
                    r.Text("direction")), seconds)));
            }
        }

        return rows;
    }

    /// <summary>The threads, with their queues.</summary>
    public static IReadOnlyList<ThreadRow> Threads(Sample before, Sample now)
    {
        double seconds = Sample.Seconds(before, now);
        ILookup<string, (string Queue, double Share)> shares = now.Ports
            .SelectMany(p => p.Items("rings").Select(r => (Port: p, Ring: r)))
            .Select(q => (Thread: q.Ring.Text("thread"), Queue: $"{q.Port.Text("name")}.{q.Ring.Text("queue")}{q.Ring.Text("direction")}",
                Share: Busy(q.Port, q.Ring, before, seconds)))
            .Where(q => q.Share > 0.0005)
            .OrderByDescending(q => q.Share)
            .ToLookup(q => q.Thread, q => (q.Queue, q.Share));
        return
        [
            .. now.Threads.Select(t =>
            {
                JsonElement old = before.Thread(t.Text("name"));
                return new ThreadRow(
                    t.Text("name"), t.Text("poll"), Math.Min(1, Rate(t, old, "busyNanoseconds", seconds) / 1e9), [.. shares[t.Text("name")]], Rate(t, old,
                        "loops", seconds),
                    Rate(t, old, "sleeps", seconds), (long)Math.Round(Rate(t, old, "gaps", seconds) * seconds));
            }),
        ];
    }

    private static double Busy(JsonElement port, JsonElement ring, Sample before, double seconds) =>
        Rate(ring, Sample.Ring(before.Port(port.Text("name")), ring.Number("queue"), ring.Text("direction")), "busyNanoseconds", seconds) / 1e9;

    private static TopRow Port(JsonElement port, JsonElement old, double seconds)
    {
        JsonElement inward = port.At("in");
        JsonElement outward = port.At("out");
        (double drops, string reasons) = Drops([(inward, old.At("in")), (outward, old.At("out")), .. Rings(port, old)], seconds);
        return new TopRow(
            port.Text("name"), string.Empty, port.Text("kind"), port.IsTrue("up") ? "up" : "down", Rate(inward, old.At("in"), "frames", seconds),
                8 * Rate(inward, old.At("in"), "bytes", seconds),
            Rate(outward, old.At("out"), "frames", seconds), 8 * Rate(outward, old.At("out"), "bytes", seconds), drops, reasons)
        {
            Sessions = port.Number("sessions"),
        };
    }

    private static IEnumerable<(JsonElement Now, JsonElement Before)> Rings(JsonElement port, JsonElement old) =>
        port.Items("rings").Select(r => (r, Sample.Ring(old, r.Number("queue"), r.Text("direction"))));

    private static TopRow Queue(JsonElement port, JsonElement ring, JsonElement old, double seconds)
    {
        bool receives = ring.Text("direction") == "rx";
        double frames = Rate(ring, old, "frames", seconds);
        double bits = 8 * Rate(ring, old, "bytes", seconds);
        double bursts = Rate(ring, old, "bursts", seconds);
        double calls = Rate(ring, old, "calls", seconds);
        double avoided = Rate(ring, old, "callsSuppressed", seconds);
        (double drops, string reasons) = Drops([(ring, old)], seconds);
        return new TopRow(
            port.Text("name"), ring.Text("queue") + ring.Text("direction"), ring.Text("thread"), ring.Text("broken").Length > 0 ? "broken"
                : ring.IsTrue("enabled") ? "runs" : "disabled",
            receives ? 0 : frames, receives ? 0 : bits, receives ? frames : 0, receives ? bits : 0, drops, reasons)
        {
            Fill = ring.Number("size") > 0 ? ring.Real("waiting") / ring.Number("size") : -1,
            FramesPerBurst = bursts > 0 ? frames / bursts : 0,
            CallsAvoided = calls + avoided > 0 ? avoided / (calls + avoided) : -1,
            Busy = Math.Min(1, Rate(ring, old, "busyNanoseconds", seconds) / 1e9),
        };
    }

    private static (double Rate, string Reasons) Drops(IEnumerable<(JsonElement Now, JsonElement Before)> counters, double seconds)
    {
        var reasons = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach ((JsonElement now, JsonElement before) in counters)
        {
            foreach (JsonProperty drop in now.Members("drops"))
            {
                double rate = Rate(now.At("drops"), before.At("drops"), drop.Name, seconds);
                reasons[drop.Name] = reasons.GetValueOrDefault(drop.Name) + rate;
            }
        }

        return (reasons.Values.Sum(), string.Join(' ', reasons.Where(r => r.Value > 0).OrderByDescending(r => r.Value).Select(r => r.Key)));
    }

    // A counter that went back belongs to something that was made anew.
    private static double Rate(JsonElement now, JsonElement before, string key, double seconds) => Math.Max(0, now.Real(key) - before.Real(key)) / seconds;
}
