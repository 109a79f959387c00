using System.Text.Json;
using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Api;

/// <summary>Writes one ring of a guest as JSON.</summary>
internal static class RingStatusWriter
{
    /// <summary>Writes the ring; one that does not run has no size, layout or base.</summary>
    public static void Write(Utf8JsonWriter json, QueueSource queue)
    {
        json.WriteStartObject();
        json.WriteNumber("queue"u8, queue.Index);
        json.WriteString("direction"u8, queue.IsReceive ? "rx"u8 : "tx"u8);
        json.WriteString("thread"u8, queue.ThreadName);
        if (queue.Ring is { } ring)
        {
            WriteRing(json, ring);
        }
        else
        {
            json.WriteBoolean("running"u8, false);
        }

        StatusWriter.WriteFrames(json, queue.Frames);
        queue.Read(out VirtqueueCounters counters);
        json.WriteNumber("waiting"u8, counters.Waiting);
        json.WriteNumber("busyNanoseconds"u8, counters.BusyNs);
        json.WriteNumber("chains"u8, counters.Chains);
        json.WriteNumber("malformedChains"u8, counters.MalformedChains);
        json.WriteNumber("bursts"u8, counters.Bursts);
        json.WriteNumber("kicks"u8, counters.Kicks);
        json.WriteNumber("calls"u8, counters.Calls);
        json.WriteNumber("callsSuppressed"u8, counters.CallsSuppressed);
        json.WriteNumber("polls"u8, counters.Polls);
        json.WriteNumber("emptyPolls"u8, counters.EmptyPolls);
        json.WriteEndObject();
    }

    private static void WriteRing(Utf8JsonWriter json, RingView ring)
    {
        json.WriteBoolean("running"u8, true);
        json.WriteBoolean("enabled"u8, ring.Enabled);
        json.WriteNumber("size"u8, ring.Size);
        json.WriteString("layout"u8, ring.IsPacked ? "packed"u8 : "split"u8);
        json.WriteNumber("base"u8, ring.Base);
        json.WriteBoolean("interrupts"u8, ring.IsCalled);
        json.WriteBoolean("kicked"u8, ring.IsKicked);
        if (ring.IsBroken)
        {
            json.WriteString("broken"u8, ring.LastError.ToString());
        }
    }
}
