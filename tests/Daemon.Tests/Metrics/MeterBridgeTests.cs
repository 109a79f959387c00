using System.Diagnostics.Metrics;
using VhostNet.Aio;
using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Tests.Metrics;

public sealed class MeterBridgeTests
{
    [Fact]
    public void EveryMetricIsAnObservableInstrument()
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "io0" });
        thread.Start();
        using var port = new VhostUserPort("vm0", new VirtioNetOptions(), [thread]);
        port.Pairs[0].Tx.Counters.Frames = 7;
        var sources = new MetricSources { Queues = [new QueueSource("vm0", port.Pairs[0].Tx)] };
        using var bridge = new MeterBridge(() => sources);
        var seen = new Dictionary<string, List<(long Value, string Tags)>>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == MeterBridge.MeterName)
            {
                seen[instrument.Name] = [];
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            lock (seen)
            {
                seen[instrument.Name].Add((value, string.Join(',', tags.ToArray().Select(t => $"{t.Key}={t.Value}"))));
            }
        });
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.Equal(MetricCatalog.All.Select(m => m.Name).Order(), seen.Keys.Order());
        Assert.Equal([(7, "port=vm0,queue=0,direction=tx")], seen["vhostnet.queue.frames"]);
        Assert.Contains((0, "port=vm0,queue=0,direction=tx,reason=no_buffers"), seen["vhostnet.queue.drops"]);
    }

    /// <summary>A second listener asks while the first is in the middle of what it got.</summary>
    [Fact]
    public async Task TwoListenersDoNotShareWhatTheyRead()
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "io0" });
        var sources = new MetricSources { Threads = [new ThreadSource(thread), new ThreadSource(thread), new ThreadSource(thread)] };
        using var bridge = new MeterBridge(() => sources);
        int others = 0;
        using MeterListener other = Listen("vhostnet.thread.loops", () => others++);
        int mine = 0;
        using MeterListener first = Listen("vhostnet.thread.loops", () =>
        {
            if (mine++ == 0)
            {
                Task.Run(other.RecordObservableInstruments).Wait(TimeSpan.FromSeconds(20));
            }
        });
        await Task.Run(first.RecordObservableInstruments);
        Assert.Equal((3, 3), (mine, others));
    }

    private static MeterListener Listen(string name, Action measured)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == MeterBridge.MeterName && instrument.Name == name)
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => measured());
        listener.Start();
        return listener;
    }
}
