using System.Text.Json;
using VhostNet.Aio;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Metrics;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Memory;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Api;

/// <summary>Writes what the daemon is doing as JSON; docs/operating.md describes every field. On the control thread, because sessions belong to it.</summary>
internal static class StatusWriter
{
    /// <summary>Writes the whole daemon's status.</summary>
    public static void WriteDaemon(Utf8JsonWriter json, Composition composition, IReadOnlyList<StuckThread> stuck, IReadOnlyList<string> unsaved)
    {
        json.WriteStartObject();
        json.WriteString("version"u8, Product.Version);
        json.WriteNumber("pid"u8, Environment.ProcessId);
        json.WriteNumber("uptimeSeconds"u8, Math.Round(MetricCatalog.Uptime.TotalSeconds, 3));
        json.WriteBoolean("healthy"u8, stuck.Count == 0);
        json.WriteStartArray("stuck"u8);
        foreach (StuckThread thread in stuck)
        {
            json.WriteStringValue(thread.ToString());
        }

        json.WriteEndArray();
        json.WriteStartArray("unsaved"u8);
        foreach (string change in unsaved)
        {
            json.WriteStringValue(change);
        }

        json.WriteEndArray();
        json.WriteStartArray("threads"u8);
        foreach (IoThread thread in composition.Threads)
        {
            WriteThread(json, thread);
        }

        json.WriteEndArray();
        json.WriteStartArray("networks"u8);
        foreach (Network network in composition.Networks)
        {
            NetworkStatusWriter.Write(json, network);
        }

        json.WriteEndArray();
        json.WriteStartArray("ports"u8);
        foreach (PortEntry port in composition.Ports)
        {
            WritePort(json, port, composition.Captures);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes one port's status.</summary>
    public static void WritePort(Utf8JsonWriter json, PortEntry entry, Captures captures)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, entry.Port.Name);
        json.WriteString("kind"u8, entry.Port.Kind);
        json.WriteString("network"u8, entry.Port.Network?.Name);
        json.WriteBoolean("up"u8, entry.Port.IsUp);
        json.WriteString("reason"u8, entry.Faults.Reason);
        json.WriteStartObject("labels"u8);
        foreach ((string name, string value) in entry.Options.Labels)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteNumber("faults"u8, entry.Faults.Count);
        json.WriteStartArray("threads"u8);
        foreach (string thread in entry.Threads)
        {
            json.WriteStringValue(thread);
        }

        json.WriteEndArray();
        PortSettingsWriter.Write(json, entry);
        WriteDirection(json, "in"u8, entry.Inward);
        WriteDirection(json, "out"u8, entry.Outward);
        QuotaStatusWriter.Write(json, entry);
        if (captures.Find(entry.Port) is { } capture)
        {
            json.WritePropertyName("capture"u8);
            WriteCapture(json, capture);
        }

        if (entry.Port is VhostUserPort guest)
        {
            WriteGuest(json, entry, guest);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes a capture.</summary>
    public static void WriteCapture(Utf8JsonWriter json, PortCapture capture)
    {
        json.WriteStartObject();
        json.WriteString("file"u8, capture.File);
        json.WriteBoolean("running"u8, capture.IsRunning);
        json.WriteString("ended"u8, capture.Ended);
        json.WriteNumber("frames"u8, capture.Frames);
        json.WriteNumber("dropped"u8, capture.Dropped);
        json.WriteNumber("bytes"u8, capture.Bytes);
        json.WriteEndObject();
    }

    /// <summary>Writes one thread.</summary>
    public static void WriteThread(Utf8JsonWriter json, IoThread thread)
    {
        AioStatistics statistics = thread.GetStatistics();
        json.WriteStartObject();
        json.WriteString("name"u8, thread.Name);
        json.WriteString("poll"u8, thread.Policy switch
        {
            PollPolicy.Interrupt => "interrupt"u8,
            PollPolicy.Adaptive => "adaptive"u8,
            _ => "busy"u8,
        });
        if (thread.Policy == PollPolicy.Adaptive)
        {
            json.WriteNumber("pollMaxMicroseconds"u8, thread.PollMaxNs / 1000);
        }

        json.WriteNumber("busyNanoseconds"u8, statistics.BusyNs);
        json.WriteNumber("loops"u8, statistics.Polls);
        json.WriteNumber("looks"u8, statistics.Looks);
        json.WriteNumber("sleeps"u8, statistics.Sleeps);
        json.WriteNumber("notifierWrites"u8, statistics.NotifierWrites);
        json.WriteNumber("notifierWritesAvoided"u8, statistics.NotifierWritesAvoided);
        json.WriteNumber("pollings"u8, statistics.Pollings);
        json.WriteNumber("pollingSuccesses"u8, statistics.PollingSuccesses);
        json.WriteNumber("pollingNanoseconds"u8, statistics.PollingNs);
        json.WriteNumber("gaps"u8, statistics.Gaps);
        json.WriteNumber("gapMaxNanoseconds"u8, statistics.GapMaxNs);
        json.WriteNumber("handlers"u8, statistics.Handlers);
        json.WriteEndObject();
    }

    private static void WriteDirection(Utf8JsonWriter json, ReadOnlySpan<byte> name, PortSource source)
    {
        source.Read(out FrameCounters counters);
        json.WriteStartObject(name);
        WriteFrames(json, counters);
        json.WriteNumber("framesPerSecond"u8, Math.Round(source.FramesPerSecond, 1));
        json.WriteNumber("bytesPerSecond"u8, Math.Round(source.BytesPerSecond, 1));
        json.WriteEndObject();
    }

    /// <summary>Writes frame counters into the present object; drop reasons that never occurred are left out.</summary>
    internal static void WriteFrames(Utf8JsonWriter json, in FrameCounters counters)
    {
        json.WriteNumber("frames"u8, counters.Frames);
        json.WriteNumber("bytes"u8, counters.Bytes);
        json.WriteStartObject("drops"u8);
        for (int reason = 0; reason < DropReasons.Names.Count; reason++)
        {
            if (counters.Drops[reason] != 0)
            {
                json.WriteNumber(DropReasons.Names[reason], counters.Drops[reason]);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteGuest(Utf8JsonWriter json, PortEntry entry, VhostUserPort guest)
    {
        json.WriteStartObject("socket"u8);
        json.WriteString("path"u8, entry.Options.Socket?.Path);
        json.WriteString("role"u8, entry.Options.Socket is { IsClient: true } ? "client"u8 : "server"u8);
        json.WriteEndObject();
        json.WriteNumber("queuePairs"u8, guest.Options.QueuePairs);
        json.WriteNumber("mtu"u8, guest.Mtu);
        json.WriteNumber("sessions"u8, entry.Endpoint!.SessionCount);
        json.WriteStartObject("sessionsEnded"u8);
        for (int reason = 0; reason < SessionEnds.Names.Count; reason++)
        {
            if (entry.Endpoint.EndCount((SessionEnd)reason) is not 0 and long count)
            {
                json.WriteNumber(SessionEnds.Names[reason], count);
            }
        }

        json.WriteEndObject();
        if (entry.Endpoint.CurrentSession is { } session)
        {
            WriteSession(json, session);
        }
        else
        {
            json.WriteNull("session"u8);
        }

        json.WriteStartArray("rings"u8);
        foreach (QueueSource queue in entry.Queues)
        {
            RingStatusWriter.Write(json, queue);
        }

        json.WriteEndArray();
    }

    private static void WriteSession(Utf8JsonWriter json, VhostUserSession session)
    {
        json.WriteStartObject("session"u8);
        json.WriteNumber("process"u8, session.PeerProcess);
        json.WriteBoolean("negotiated"u8, session.HasNegotiated);
        BitNames.WriteVirtio(json, "features"u8, session.Features);
        BitNames.WriteProtocol(json, "protocolFeatures"u8, session.AcknowledgedProtocolFeatures);
        json.WriteStartArray("memory"u8);
        foreach (MemoryRegion region in session.Memory.Regions)
        {
            json.WriteStartObject();
            BitNames.WriteHex(json, "guestAddress"u8, region.Description.GuestAddress);
            json.WriteNumber("size"u8, region.Description.Size);
            BitNames.WriteHex(json, "userAddress"u8, region.Description.UserAddress);
            BitNames.WriteHex(json, "offset"u8, region.Description.MmapOffset);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
