using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Daemon.Api.Page;

/// <summary>
/// Writes what the page draws, once a second for each that looks: counters only, the browser makes rates of them. Makes no garbage, and needs no loop. Any
/// thread.
/// </summary>
internal static class ViewWriter
{
    /// <summary>Writes the view.</summary>
    public static void Write(Utf8JsonWriter json, MetricSources sources)
    {
        json.WriteStartObject();
        json.WriteString("version"u8, Product.Version);
        json.WriteNumber("uptime"u8, (long)MetricCatalog.Uptime.TotalSeconds);
        json.WriteStartArray("networks"u8);
        foreach (string network in sources.Networks)
        {
            json.WriteStringValue(network);
        }

        json.WriteEndArray();
        json.WriteStartArray("threads"u8);
        foreach (ThreadSource thread in sources.Threads)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, thread.Name);
            json.WriteNumber("busyNs"u8, thread.Statistics.BusyNs);
            json.WriteNumber("loops"u8, thread.Statistics.Polls);
            json.WriteNumber("gaps"u8, thread.Statistics.Gaps);
            json.WriteNumber("stuckNs"u8, thread.StuckNs);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("ports"u8);
        for (int i = 0; i + 1 < sources.Ports.Length; i += 2)
        {
            WritePort(json, sources, sources.Ports[i], sources.Ports[i + 1]);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>All drops, whatever their reason.</summary>
    public static long Drops(in FrameCounters counters)
    {
        long sum = 0;
        for (int reason = 0; reason < DropReasons.Names.Count; reason++)
        {
            sum += counters.Drops[reason];
        }

        return sum;
    }

    private static void WritePort(Utf8JsonWriter json, MetricSources sources, PortSource inward, PortSource outward)
    {
        inward.Read(out FrameCounters coming);
        outward.Read(out FrameCounters going);
        json.WriteStartObject();
        json.WriteString("name"u8, inward.Name);
        json.WriteString("kind"u8, inward.Kind);
        json.WriteString("network"u8, inward.Network ?? string.Empty);
        json.WriteBoolean("up"u8, inward.IsUp);
        json.WriteNumber("inFrames"u8, coming.Frames);
        json.WriteNumber("inBytes"u8, coming.Bytes);
        json.WriteNumber("outFrames"u8, going.Frames);
        json.WriteNumber("outBytes"u8, going.Bytes);
        json.WriteNumber("drops"u8, Drops(coming) + Drops(going));
        if (inward.Endpoint is { } endpoint)
        {
            json.WriteNumber("sessions"u8, endpoint.SessionCount);
            json.WriteStartArray("rings"u8);
            foreach (QueueSource queue in sources.Queues)
            {
                if (queue.Port == inward.Name && queue.Ring is { } ring)
                {
                    json.WriteStartObject();
                    json.WriteString("name"u8, queue.Name);
                    json.WriteNumber("fill"u8, Math.Round((double)ring.Counters.Waiting / ring.Size, 3));
                    json.WriteEndObject();
                }
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
