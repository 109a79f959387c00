using System.Buffers;
using System.Text;
using VhostNet.Aio;
using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.Daemon.Tests.Metrics;

public sealed class PrometheusTextTests : IDisposable
{
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "io0" });
    private readonly VhostUserPort _port;
    private readonly MetricSources _sources;

    public PrometheusTextTests()
    {
        _thread.Start();
        _port = new VhostUserPort("vm0", new VirtioNetOptions(), [_thread]);
        QueuePair pair = _port.Pairs[0];
        pair.Rx.Counters.Frames = 12345678901;
        _sources = new MetricSources
        {
            Queues = [new QueueSource("vm0", pair.Rx, "io0"), new QueueSource("vm0", pair.Tx)],
            Ports = [new PortSource(_port, true, null), new PortSource(_port, false, null)],
            Threads = [new ThreadSource(_thread)],
        };
    }

    public void Dispose()
    {
        _port.Dispose();
        _thread.Dispose();
    }

    [Fact]
    public void TheTextIsValid()
    {
        string text = Write();
        PrometheusGrammar.Check(text);
        Assert.Contains("\nvhostnet_queue_frames_total{port=\"vm0\",queue=\"0\",direction=\"rx\"} 12345678901\n", text, StringComparison.Ordinal);
        Assert.Contains("\nvhostnet_queue_drops_total{port=\"vm0\",queue=\"0\",direction=\"tx\",reason=\"no_buffers\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("\nvhostnet_port_up{port=\"vm0\",kind=\"vhost-user\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("\n# TYPE vhostnet_process_resident_bytes gauge\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LabelValuesAreEscaped()
    {
        var labels = new SeriesLabels(("name", "a\"b\\c\nd"));
        Assert.Equal("name=\"a\\\"b\\\\c\\nd\"", Encoding.UTF8.GetString(labels.Text));
    }

    [Fact]
    public void AScrapeAllocatesNextToNothing()
    {
        var writer = new PrometheusText();
        var output = new ArrayBufferWriter<byte>(256 * 1024);
        writer.Write(_sources, output);
        output.ResetWrittenCount();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            writer.Write(_sources, output);
            output.ResetWrittenCount();
        }

        long perScrape = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;
        Assert.True(perScrape <= 512, $"{perScrape} bytes are allocated by each scrape");
    }

    [Fact]
    public void NamesAreUniqueAndFollowTheConventions()
    {
        Assert.Equal(MetricCatalog.All.Count, MetricCatalog.All.Select(m => m.Name).Distinct().Count());
        Assert.Equal(MetricCatalog.All.Count, MetricCatalog.All.Select(m => m.PrometheusName).Distinct().Count());
        Assert.All(MetricCatalog.All, m => Assert.Matches("^vhostnet(\\.[a-z]+)+$", m.Name));
    }

    private string Write()
    {
        var output = new ArrayBufferWriter<byte>();
        new PrometheusText().Write(_sources, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
