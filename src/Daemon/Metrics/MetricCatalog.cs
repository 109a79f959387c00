using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Metrics;

/// <summary>Every metric of the daemon. docs/metrics.md describes each; a test compares the two.</summary>
internal static class MetricCatalog
{
    private static readonly long s_started = Stopwatch.GetTimestamp();

    private static readonly SeriesLabels[] s_generations = [new(("generation", "0")), new(("generation", "1")), new(("generation", "2"))];

    /// <summary>The metrics, in the order in which they are shown.</summary>
    public static IReadOnlyList<Metric> All => s_all;

    private static readonly Metric[] s_all =
    [
        QueueFrames("vhostnet.queue.frames", "{frame}", "Frames taken from a guest's transmit queue (tx) or given to its receive queue (rx).", f => f.Frames),
        QueueFrames("vhostnet.queue.bytes", "By", "Bytes of those frames, without virtio_net_hdr.", f => f.Bytes),
        new("vhostnet.queue.drops", true, "{frame}", "Frames of a guest's queue that went no further, by reason.", CollectQueueDrops),
        Ring("vhostnet.queue.chains", "{chain}", "Descriptor chains given back to the guest.", c => c.Chains),
        Ring("vhostnet.queue.chains.malformed", "{chain}", "Chains given back unused because they were malformed.", c => c.MalformedChains),
        Ring("vhostnet.queue.broken.malformed", "{ring}", "Rings that were broken because too many malformed chains came in a row.", c => c.BrokenByMalformed),
        Ring("vhostnet.queue.descriptors", "{descriptor}", "Descriptors read from the ring and from indirect tables, good and bad ones.", c => c.Descriptors),
        Ring(
            "vhostnet.queue.turns.spent", "{turn}", "Turns that ended because their work budget was spent; the queue went on in the next one.",
            c => c.SpentTurns),
        Ring(
            "vhostnet.queue.control.requests", "{request}",
            "Changes that the control thread left to the queue's thread because it did not get the ring's lock in time.", c => c.ControlRequests),
        Ring(
            "vhostnet.queue.uses.after.end", "{use}",
            "Uses of a ring after its end, each of which did nothing; anything but 0 is a mistake of the daemon.", c => c.UsesAfterDispose),
        Ring("vhostnet.queue.bursts", "{burst}", "Bursts completed, each with one store of the used index.", c => c.Bursts),
        Ring("vhostnet.queue.kicks", "{kick}", "Notifications received from the guest.", c => c.Kicks),
        Ring("vhostnet.queue.calls", "{call}", "Interrupts sent to the guest.", c => c.Calls),
        Ring("vhostnet.queue.calls.suppressed", "{call}", "Interrupts not sent because the guest did not want them.", c => c.CallsSuppressed),
        Ring("vhostnet.queue.polls", "{poll}", "Looks at the avail ring that found chains.", c => c.Polls),
        Ring("vhostnet.queue.polls.empty", "{poll}", "Looks at the avail ring that found nothing, or too little to be worth a turn yet.", c => c.EmptyPolls),
        Ring("vhostnet.queue.busy.time", "ns", "Time of its thread that the queue's turns took, in nanoseconds, estimated.", c => c.BusyNs),
        new("vhostnet.queue.waiting", false, "{chain}", "Chains that waited in the ring when it was last looked at.", CollectQueueWaiting),
        new("vhostnet.queue.size", false, "{descriptor}", "Descriptors of the ring; 0 while it does not run.", CollectQueueSize),
        new("vhostnet.queue.running", false, "1", "1 while the ring runs and is enabled, otherwise 0.", CollectQueueRunning),
        PortFrames("vhostnet.port.frames", "{frame}", "Frames that came in by a port from the outside (in) or left by it (out).", f => f.Frames),
        PortFrames("vhostnet.port.bytes", "By", "Bytes of those frames.", f => f.Bytes),
        new("vhostnet.port.drops", true, "{frame}", "Frames of a port that went no further, by reason.", CollectPortDrops),
        new("vhostnet.port.up", false, "1", "1 while a port can take frames, otherwise 0.", CollectPortUp),
        new("vhostnet.port.faults", true, "{fault}", "Exceptions in callbacks of a port or of its session, each of which took it down.", CollectPortFaults),
        new("vhostnet.port.errors", true, "{error}", "Errors of a port's system calls, by call and name.", CallErrorLabels.Collect),
        new("vhostnet.port.quota.used", false, "1", "What a guest or front end makes the daemon keep, by quota.", QuotaReasons.CollectUse),
        new("vhostnet.port.refused", true, "{refusal}", "What a guest or front end was refused, by quota.", QuotaReasons.CollectRefused),
        new("vhostnet.port.sessions", true, "{session}", "Front ends that connected to a port since the daemon started.", CollectPortSessions),
        new("vhostnet.port.sessions.ended", true, "{session}", "Sessions of a port that ended, by reason.", SessionEnds.Collect),
        Switch("vhostnet.network.addresses", false, "{address}", "Addresses that a switch knows.", n => n.AddressCount),
        Switch("vhostnet.network.addresses.capacity", false, "{address}", "Addresses that a switch can know.", n => n.Options.MacTableCapacity),
        Switch("vhostnet.network.addresses.refused", true, "{frame}", "Frames whose source address was not learned because a limit was reached.", n =>
            n.AddressesRefused),
        Switch(
            "vhostnet.network.flooded", true, "{frame}",
            "Frames that went to everybody in their VLAN: broadcasts, multicasts, and those to unknown addresses.", n => n.FramesFlooded),
        Loop("vhostnet.thread.busy.time", "ns", "Time that the thread's callbacks took, in nanoseconds, estimated.", s => s.BusyNs),
        Loop("vhostnet.thread.loops", "{pass}", "Passes of a thread's event loop.", s => s.Polls),
        Loop("vhostnet.thread.looks", "{look}", "System calls made to look at descriptors, with or without sleeping.", s => s.Looks),
        Loop("vhostnet.thread.sleeps", "{sleep}", "Looks that were ready to sleep, each of which ended in a wake-up.", s => s.Sleeps),
        Loop("vhostnet.thread.notifier.writes", "{write}", "System calls made to wake the thread.", s => s.NotifierWrites),
        Loop(
            "vhostnet.thread.notifier.writes.avoided", "{write}", "Times that the thread had to be told something and needed no system call for it.",
            s => s.NotifierWritesAvoided),
        Loop("vhostnet.thread.pollings", "{polling}", "Times that the thread polled in user space before sleeping.", s => s.Pollings),
        Loop("vhostnet.thread.pollings.successful", "{polling}", "Those of them that found something.", s => s.PollingSuccesses),
        Loop("vhostnet.thread.polling.time", "ns", "Time spent on them, in nanoseconds.", s => s.PollingNs),
        Loop("vhostnet.thread.gaps", "{gap}", "Times over a millisecond for which a polling thread did not come round to look at its rings.", s => s.Gaps),
        new("vhostnet.thread.gap.max", false, "ns", "The longest time between two looks of a polling thread, in nanoseconds.", static (sources, sink) =>
        {
            foreach (ThreadSource thread in sources.Threads)
            {
                sink.Add(thread.Labels, SeriesLabels.None, thread.Statistics.GapMaxNs);
            }
        }),
        new(
            "vhostnet.thread.stuck", false, "ns", "Time for which a thread has stood still in a callback, in nanoseconds; 0 while it moves.",
            CollectThreadsStuck),
        Loop("vhostnet.thread.bottom.halves", "{call}", "Bottom halves that the thread called.", s => s.BottomHalves),
        Loop("vhostnet.thread.handlers", "{call}", "Descriptor handlers that the thread called.", s => s.Handlers),
        Loop("vhostnet.thread.timers", "{call}", "Timers of the thread that fired.", s => s.Timers),
        Loop("vhostnet.thread.faults", "{fault}", "Exceptions of callbacks that went to the port or session that answers for them.", s => s.Faults),
        new("vhostnet.process.collections", true, "{collection}", "Garbage collections, each of which stops every thread for a moment.", CollectCollections),
        new("vhostnet.process.pause", true, "s", "Time for which garbage collections stopped the process, rounded down.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, (long)GC.GetTotalPauseDuration().TotalSeconds)),
        new("vhostnet.process.allocated", true, "By", "Managed memory allocated so far.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, GC.GetTotalAllocatedBytes())),
        new("vhostnet.process.resident", false, "By", "Resident memory of the process.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, ResidentMemory.Bytes)),
        new("vhostnet.descriptors.open", false, "{descriptor}", "Open descriptors of the process; 0 when the kernel does not say.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, OpenDescriptors.Count)),
        new("vhostnet.descriptors.limit", false, "{descriptor}", "Descriptors that the process may have.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, DescriptorReserve.Limit)),
        new("vhostnet.descriptors.reserve", false, "{descriptor}", "Those of them that are kept for what runs.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, DescriptorReserve.Reserve)),
        new("vhostnet.descriptors.refused", true, "{refusal}", "Regions, connections, flows and captures refused because of the reserve.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, DescriptorReserve.Refused)),
        new("vhostnet.log.lost", true, "{line}", "Log lines that a sink lost, because nobody read it or it could not be written.", static (sources, sink) =>
        {
            foreach (LogSource log in sources.Logs)
            {
                sink.Add(log.Labels, SeriesLabels.None, log.Lost);
            }
        }),
        new("vhostnet.process.uptime", false, "s", "Time since the daemon started.", static (_, sink) =>
            sink.Add(SeriesLabels.None, SeriesLabels.None, (long)Uptime.TotalSeconds)),
    ];

    /// <summary>Time since the daemon started.</summary>
    public static TimeSpan Uptime => Stopwatch.GetElapsedTime(s_started);

    private static Metric QueueFrames(string name, string unit, string help, Func<FrameCounters, long> read) => new(name, true, unit, help, (sources, sink) =>
    {
        foreach (QueueSource queue in sources.Queues)
        {
            sink.Add(queue.Labels, SeriesLabels.None, read(queue.Frames));
        }
    });

    private static Metric Ring(string name, string unit, string help, Func<VirtqueueCounters, long> read) => new(name, true, unit, help, (sources, sink) =>
    {
        foreach (QueueSource queue in sources.Queues)
        {
            queue.Read(out VirtqueueCounters counters);
            sink.Add(queue.Labels, SeriesLabels.None, read(counters));
        }
    });

    private static Metric PortFrames(string name, string unit, string help, Func<FrameCounters, long> read) => new(name, true, unit, help, (sources, sink) =>
    {
        foreach (PortSource port in sources.Ports)
        {
            port.Read(out FrameCounters counters);
            sink.Add(port.Labels, SeriesLabels.None, read(counters));
        }
    });

    private static Metric Loop(string name, string unit, string help, Func<AioStatistics, long> read) => new(name, true, unit, help, (sources, sink) =>
    {
        foreach (ThreadSource thread in sources.Threads)
        {
            sink.Add(thread.Labels, SeriesLabels.None, read(thread.Statistics));
        }
    });

    private static Metric Switch(string name, bool isCounter, string unit, string help, Func<SwitchNetwork, long> read) =>
        new(name, isCounter, unit, help, (sources, sink) =>
        {
            foreach (SwitchSeries network in sources.Switches)
            {
                sink.Add(network.Labels, SeriesLabels.None, read(network.Network));
            }
        });

    private static void CollectQueueWaiting(MetricSources sources, IMetricSink sink)
    {
        foreach (QueueSource queue in sources.Queues)
        {
            sink.Add(queue.Labels, SeriesLabels.None, queue.Ring?.Counters.Waiting ?? 0);
        }
    }

    private static void CollectQueueSize(MetricSources sources, IMetricSink sink)
    {
        foreach (QueueSource queue in sources.Queues)
        {
            sink.Add(queue.Labels, SeriesLabels.None, queue.Ring?.Size ?? 0);
        }
    }

    private static void CollectQueueDrops(MetricSources sources, IMetricSink sink)
    {
        foreach (QueueSource queue in sources.Queues)
        {
            AddDrops(queue.Labels, queue.Frames, sink);
        }
    }

    private static void CollectPortDrops(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            port.Read(out FrameCounters counters);
            AddDrops(port.Labels, counters, sink);
        }
    }

    private static void AddDrops(SeriesLabels labels, in FrameCounters counters, IMetricSink sink)
    {
        for (int reason = 0; reason < DropReasons.Labels.Count; reason++)
        {
            sink.Add(labels, DropReasons.Labels[reason], counters.Drops[reason]);
        }
    }

    private static void CollectQueueRunning(MetricSources sources, IMetricSink sink)
    {
        foreach (QueueSource queue in sources.Queues)
        {
            sink.Add(queue.Labels, SeriesLabels.None, queue.Ring is { Enabled: true } ? 1 : 0);
        }
    }

    private static void CollectPortFaults(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (port.IsFirst)
            {
                sink.Add(port.PortLabels, SeriesLabels.None, port.Faults);
            }
        }
    }

    private static void CollectThreadsStuck(MetricSources sources, IMetricSink sink)
    {
        foreach (ThreadSource thread in sources.Threads)
        {
            sink.Add(thread.Labels, SeriesLabels.None, thread.StuckNs);
        }
    }

    private static void CollectPortUp(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (port.IsFirst)
            {
                sink.Add(port.PortLabels, SeriesLabels.None, port.IsUp ? 1 : 0);
            }
        }
    }

    private static void CollectPortSessions(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (port is { IsFirst: true, Endpoint: { } endpoint })
            {
                sink.Add(port.PortLabels, SeriesLabels.None, endpoint.SessionCount);
            }
        }
    }

    private static void CollectCollections(MetricSources sources, IMetricSink sink)
    {
        for (int generation = 0; generation < s_generations.Length; generation++)
        {
            // The runtime counts a collection of a higher generation for the lower ones too.
            int count = GC.CollectionCount(generation) - (generation + 1 < s_generations.Length ? GC.CollectionCount(generation + 1) : 0);
            sink.Add(s_generations[generation], SeriesLabels.None, count);
        }
    }
}
