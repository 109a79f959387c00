using System.Diagnostics;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>
/// DPDK's testpmd with one net_vhost port that sends back whatever it receives. Runs without huge pages, so that it needs no privilege, and ends with this
/// object.
/// </summary>
internal sealed class TestpmdEcho : IDisposable
{
    private const string Program = "/usr/bin/dpdk-testpmd";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static int s_count;

    private readonly Process _process;
    private readonly List<string> _output = [];
    private bool _disposed;
    private readonly string _runtime = Directory.CreateTempSubdirectory("dpdk").FullName;

    /// <param name="socket">Path of the socket.</param>
    /// <param name="client">True when DPDK connects to it, false when it listens there.</param>
    public TestpmdEcho(string socket, bool client)
    {
        Assert.True(File.Exists(Program), $"{Program} is not installed; eng/install.sh installs it.");
        string prefix = $"vhostnet{Environment.ProcessId}x{Interlocked.Increment(ref s_count)}";
        string[] arguments =
        [
            "--lcores", "(0,1)@(0,1)", "--no-pci", "--no-huge", "--no-telemetry", "-m", "256", "--file-prefix", prefix,
            "--vdev", $"net_vhost0,iface={socket},queues=1,client={(client ? 1 : 0)}",
            "--", "-i", "--nb-cores=1", "--forward-mode=io", "--auto-start", "--total-num-mbufs=4096",
        ];
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["XDG_RUNTIME_DIR"] = _runtime;
        start.Environment["RUNTIME_DIRECTORY"] = _runtime;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, e) => Keep(e.Data);
        _process.ErrorDataReceived += (_, e) => Keep(e.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (!WaitFor("io packet forwarding"))
        {
            string output = Output;
            Dispose();
            throw new InvalidOperationException($"testpmd did not start: {output}");
        }
    }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return string.Join('\n', _output.TakeLast(25));
            }
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_runtime, true);
    }

    private void Keep(string? line)
    {
        lock (_output)
        {
            _output.Add(line ?? string.Empty);
            Monitor.PulseAll(_output);
        }
    }

    private bool WaitFor(string text)
    {
        long deadline = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        lock (_output)
        {
            while (!_output.Any(l => l.Contains(text, StringComparison.Ordinal)))
            {
                int left = (int)(deadline - Environment.TickCount64);
                if (left <= 0 || _process.HasExited)
                {
                    return false;
                }

                Monitor.Wait(_output, Math.Min(left, 500));
            }

            return true;
        }
    }
}
