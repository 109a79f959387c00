using System.Globalization;
using System.Net.Sockets;

namespace VhostNet.EndToEnd;

/// <summary>
/// Full traffic while metrics and status are read twice a second. The minute that the project promises is bench/Latency's (<c>garbage</c>); this is a short form that
/// fails when something begins to allocate: in its time there must be no collection at all, and little may be allocated for each reading.
/// </summary>
public sealed class GarbageTests : EndToEndTest
{
    private const int Readings = 20;

    // Kestrel's, for two requests and answers; a tenth of what a reading cost before the status was written without strings.
    private const double BytesPerReadingMax = 64 * 1024;

    [Fact]
    public async Task TrafficAndReadingsCauseNoCollection()
    {
        string control = Directory.File("control.sock");
        await StartDaemonAsync("hairpin", null, "--control", control, "--poll", "busy", "--log-level", "warning");
        using FrontendGuest guest = new(SocketPath, frameSize: 64, inFlight: 256);
        guest.Settle();
        using HttpClient http = Connect(control);
        for (int i = 0; i < 5; i++)
        {
            // The first answers compile what writes them.
            await ReadBothAsync(http);
        }

        string before = await http.GetStringAsync("http://localhost/metrics");
        long frames = guest.Received;
        using CancellationTokenSource stop = new();
        Task traffic = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                guest.Turn();
            }
        });
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(500));
        for (int i = 0; i < Readings; i++)
        {
            await ReadBothAsync(http);
            await timer.WaitForNextTickAsync();
        }

        string after = await http.GetStringAsync("http://localhost/metrics");
        await stop.CancelAsync();
        await traffic;
        double allocated = Value(after, "vhostnet_process_allocated_bytes_total") - Value(before, "vhostnet_process_allocated_bytes_total");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{guest.Received - frames} frames, {allocated / Readings:0} B a reading, {Value(after, "vhostnet_thread_gaps_total") - Value(before, "vhostnet_thread_gaps_total")} gaps");
        for (int generation = 0; generation < 3; generation++)
        {
            string series = $"vhostnet_process_collections_total{{generation=\"{generation}\"}}";
            Assert.Equal(Value(before, series), Value(after, series));
        }

        Assert.True(allocated / Readings < BytesPerReadingMax, $"{allocated / Readings:0} B were allocated for each reading of metrics and status");
        Assert.True(guest.Received - frames > 100_000, $"only {guest.Received - frames} frames went through the hairpin");
    }

    private static async Task ReadBothAsync(HttpClient http)
    {
        _ = await http.GetStringAsync("http://localhost/metrics");
        _ = await http.GetStringAsync("http://localhost/status");
    }

    private static HttpClient Connect(string path) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    private static double Value(string metrics, string series) =>
        metrics.Split('\n').Where(l => l.StartsWith(series, StringComparison.Ordinal)).Sum(l => double.Parse(l.AsSpan(l.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
}
