using System.Diagnostics;
using System.Globalization;

namespace VhostNet.TestKit;

/// <summary>A process that a test started: its output, its signals, its end. It does not outlive the test run.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(10);
    private readonly Process _process;
    private readonly Task<int> _exited;

    private ChildProcess(string name, Process process, long startedAt)
    {
        _process = process;
        StartedAt = startedAt;
        Output = new Transcript(name);
        StandardOutput = new Transcript(name, Output);
        _exited = WatchAsync();
    }

    /// <summary>The process's standard output and standard error, as they came: one may stand in the middle of the other's line.</summary>
    public Transcript Output { get; }

    /// <summary>The process's standard output alone, for programs whose answers have to be read whole.</summary>
    public Transcript StandardOutput { get; }

    /// <summary>When the process was started, in <see cref="Stopwatch"/> ticks.</summary>
    public long StartedAt { get; }

    /// <summary>The process's number.</summary>
    public int Id => _process.Id;

    /// <summary>Completes with the exit status when the process has ended; 128 plus the signal's number if a signal ended it.</summary>
    public Task<int> Exited => _exited;

    /// <summary>Resident memory, in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Processor time used so far, user and system.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts a program, found on PATH unless it is a path.</summary>
    public static async Task<ChildProcess> StartAsync(
        string name,
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        NetworkNamespace? inside = null)
    {
        ProcessStartInfo info = new("setpriv")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] prefix = inside is null ? [] : ["ip", "netns", "exec", inside.Name];
        foreach (string argument in (string[])["--pdeathsig", "KILL", "--", .. prefix, program, .. arguments])
        {
            info.ArgumentList.Add(argument);
        }

        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[key] = value;
        }

        long now = Stopwatch.GetTimestamp();
        return new ChildProcess(name, await ProcessSpawner.StartAsync(info), now);
    }

    /// <summary>Runs a program to its end and returns its output.</summary>
    /// <exception cref="TestPeerException">It failed or took longer than ten seconds.</exception>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, NetworkNamespace? inside = null)
    {
        string[] all = [.. arguments];
        await using ChildProcess process = await StartAsync($"{program} {string.Join(' ', all)}", program, all, inside: inside);
        int status = await process.WaitForExitAsync(s_endLimit);
        return status == 0 ? process.Output.ToString() : throw process.Output.Failure($"exited with status {status.ToString(CultureInfo.InvariantCulture)}");
    }

    /// <summary>Types a line on the process's standard input.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteAsync(line + "\n");
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Sends a signal; a process that has ended already is no error.</summary>
    public void Signal(int signal)
    {
        if (!_exited.IsCompleted)
        {
            _ = kill(_process.Id, signal);
        }
    }

    /// <summary>The exit status, once the process has ended.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        try
        {
            return await _exited.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            throw Output.Failure($"did not end within {timeout.TotalSeconds:0} s");
        }
    }

    /// <summary>Asks the process to end (SIGTERM) and returns its exit status.</summary>
    public Task<int> TerminateAsync()
    {
        Signal(SIGTERM);
        return WaitForExitAsync(s_endLimit);
    }

    /// <summary>Ends the process at once (SIGKILL).</summary>
    public Task<int> KillAsync()
    {
        Signal(SIGKILL);
        return WaitForExitAsync(s_endLimit);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task<int> WatchAsync()
    {
        Task[] readers = [ReadAsync(_process.StandardOutput, StandardOutput), ReadAsync(_process.StandardError, null)];
        await _process.WaitForExitAsync();
        await Task.WhenAll(readers);
        Output.Close($"ended with status {_process.ExitCode}");
        StandardOutput.Close($"ended with status {_process.ExitCode}");
        return _process.ExitCode;
    }

    private async Task ReadAsync(StreamReader reader, Transcript? alone)
    {
        char[] buffer = new char[4096];
        for (int count; (count = await reader.ReadAsync(buffer.AsMemory())) > 0;)
        {
            string text = new(buffer, 0, count);
            Output.Append(text);
            alone?.Append(text);
        }
    }
}
