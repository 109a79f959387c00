using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>DPDK's testpmd, driven through its prompt: a front end (virtio-user) or a back end (vhost).</summary>
public sealed class Testpmd : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private Testpmd(ChildProcess process) => Process = process;

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    // The prompt is written one character at a time, and DPDK's messages on standard error come in between.
    private Transcript Answers => Process.StandardOutput;

    /// <summary>Starts testpmd and waits for its prompt. Forwarding does not run yet.</summary>
    public static async Task<Testpmd> StartAsync(TestpmdOptions options)
    {
        await HugePages.EnsureAsync();
        IEnumerable<string> devices = options.Devices.SelectMany(device => (string[])["--vdev", device]);
        string unique = Guid.NewGuid().ToString("N")[..8];
        string[] arguments =
        [
            // Its output would be buffered as a file's is, but its prompt is not: the answers would come after the next prompt.
            "-oL", "dpdk-testpmd",
            "--lcores", options.Lcores, "--no-pci", "--no-telemetry", "--in-memory", $"--file-prefix={unique}", "--single-file-segments",
            "-m", Text(options.MemoryMegabytes), .. devices,
            "--", "-i", "--nb-cores=1", $"--forward-mode={options.Forward}", $"--total-num-mbufs={Text(options.Buffers)}", $"--rxq={options.Queues}", $"--txq={options.Queues}",
            $"--txd={options.RingSize}", $"--rxd={options.RingSize}", .. options.ExtraArguments,
        ];
        Testpmd testpmd = new(await ChildProcess.StartAsync(options.Name, "stdbuf", arguments, inside: options.Inside));
        try
        {
            await testpmd.Answers.WaitForAsync("^testpmd> ", s_limit);
            return testpmd;
        }
        catch
        {
            await testpmd.DisposeAsync();
            throw;
        }
    }

    /// <summary>Types a command and returns what it printed before the next prompt.</summary>
    public async Task<string> CommandAsync(string command)
    {
        int from = Answers.Length;
        await Process.WriteLineAsync(command);

        // The prompt echoes the line; what it printed before belongs to the command before.
        Regex answer = new($"{Regex.Escape(command)}\r?\n(.*?)^testpmd> ", RegexOptions.Singleline | RegexOptions.Multiline);
        Match match = await Answers.WaitForAsync(answer, from, s_limit);
        return match.Groups[1].Value;
    }

    /// <summary>Begins to forward; <paramref name="firstBursts"/> bursts are sent first, for modes that only pass on.</summary>
    public Task<string> StartForwardingAsync(int firstBursts = 0) => CommandAsync(firstBursts == 0 ? "start" : $"start tx_first {firstBursts}");

    /// <summary>A port's counters.</summary>
    public async Task<PortStatistics> StatisticsAsync(int port = 0)
    {
        string text = await CommandAsync($"show port stats {port}");
        long Read(string name) => long.Parse(Regex.Match(text, $"{name}: *([0-9]+)").Groups[1].Value, CultureInfo.InvariantCulture);
        return new PortStatistics(Read("RX-packets"), Read("RX-missed"), Read("RX-errors"), Read("TX-packets"), Read("TX-errors"));
    }

    /// <summary>
    /// Frames per second that all ports together received since this was asked for the last time. testpmd takes the time beside the counters, so that the
    /// figure does not depend on when its answer is read.
    /// </summary>
    public async Task<double> ReceiveRateAsync()
    {
        string text = await CommandAsync("show port stats all");
        return Regex.Matches(text, "Rx-pps: *([0-9]+)").Sum(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    /// <summary>Asks for the counters again and again until they satisfy a condition.</summary>
    /// <exception cref="TestPeerException">They did not within the time.</exception>
    public async Task<PortStatistics> WaitForStatisticsAsync(Predicate<PortStatistics> condition, TimeSpan timeout, int port = 0)
    {
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(50));
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (true)
        {
            PortStatistics statistics = await StatisticsAsync(port);
            if (condition(statistics))
            {
                return statistics;
            }

            if (Environment.TickCount64 > deadline)
            {
                throw Answers.Failure($"still shows {statistics} after {timeout.TotalSeconds:0} s");
            }

            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>Ends testpmd as its user would, closing its devices.</summary>
    public async Task QuitAsync()
    {
        await Process.WriteLineAsync("quit");
        await Process.WaitForExitAsync(s_limit);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
