using System.Diagnostics;
using System.Net.Sockets;

namespace VhostNet.EndToEnd;

/// <summary>What an operator counts on: quick to be ready, next to nothing when idle, quick to end, visible while it runs.</summary>
[Collection(Alone.Name)]
public sealed class OperationTests : EndToEndTest
{
    /// <summary>What the daemon's file takes to start and end where its start takes 180 ms.</summary>
    private static readonly TimeSpan s_usualFloor = TimeSpan.FromMilliseconds(40);

    [Fact]
    public async Task ReadyWithinAQuarterOfASecond()
    {
        // The least of several: what the daemon needs, without what else the machine was doing.
        TimeSpan best = TimeSpan.MaxValue;
        TimeSpan floor = TimeSpan.MaxValue;
        for (int i = 0; i < 8; i++)
        {
            await using (VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(Directory, Directory.File($"ready{i}.sock"), "responder"))
            {
                best = daemon.ReadyAfter < best ? daemon.ReadyAfter : best;
                Assert.Equal(0, await daemon.Process.TerminateAsync());
            }

            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, (await VhostnetdProcess.RunToEndAsync(Directory, ["--print-capabilities"])).Status);
            TimeSpan nothing = Stopwatch.GetElapsedTime(start);
            floor = nothing < floor ? nothing : floor;
        }

        // A virtual machine may have half of its speed for minutes: where even doing nothing takes longer than usual, so may this.
        double slower = Math.Max(1, floor / s_usualFloor);
        string result = $"ready after {best.TotalMilliseconds:0} ms; doing nothing took {floor.TotalMilliseconds:0} ms";
        TestContext.Current.TestOutputHelper?.WriteLine(result);
        Assert.True(best < slower * TimeSpan.FromMilliseconds(100), result);
    }

    [Fact]
    public async Task IdleWithOneGuestCostsNextToNothing()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("responder");
        QemuGuest guest = await BootAsync();
        string lease = await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        Assert.Contains("lease: address", lease, StringComparison.Ordinal);
        await guest.RunAsync("sleep 3");

        const int seconds = 10;
        TimeSpan before = daemon.Process.ProcessorTime;
        await guest.RunAsync($"sleep {seconds}");
        double percent = (daemon.Process.ProcessorTime - before).TotalSeconds / seconds * 100;
        double mebibytes = daemon.Process.ResidentBytes / 1048576.0;
        TestContext.Current.TestOutputHelper?.WriteLine($"idle: {percent:0.00} % of a CPU, {mebibytes:0.0} MiB resident");
        Assert.True(percent < 0.5, $"{percent:0.00} % of a CPU while idle");
        Assert.True(mebibytes < 30, $"{mebibytes:0.0} MiB resident while idle");
    }

    [Fact]
    public async Task EndsCleanlyAndAtOnceWhenAskedTo()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("responder");
        QemuGuest guest = await BootAsync(new GuestOptions { Socket = SocketPath, Reconnect = true });
        await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        long start = Environment.TickCount64;
        Assert.Equal(0, await daemon.Process.TerminateAsync());
        Assert.InRange(Environment.TickCount64 - start, 0, 2000);
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task CapabilitiesAreJson()
    {
        string text = await ChildProcess.RunAsync(Repository.Daemon, ["--print-capabilities"]);
        Assert.Equal("net", System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("type").GetString());
    }

    [Fact]
    public async Task StatusAndMetricsShowTheGuest()
    {
        string control = Directory.File("control.sock");
        await StartDaemonAsync("responder", null, "--control", control);
        QemuGuest guest = await BootAsync();
        await guest.RunAsync("ip link set eth0 up; udhcpc -i eth0 -n -q -f");
        using HttpClient http = new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(control), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        string status = await http.GetStringAsync("http://localhost/status");
        Assert.Contains("\"version_1\"", status, StringComparison.Ordinal);
        string metrics = await http.GetStringAsync("http://localhost/metrics");
        Assert.Matches("(?m)^vhostnet_[a-z_]*frames[a-z_]*\\{[^}]*\\} [1-9]", metrics);
    }
}
