using System.Globalization;

namespace VhostNet.EndToEnd;

/// <summary>A systemd that is process 1 of its own namespaces, with the units under deploy/ installed. Everything in it ends with it.</summary>
public class SystemdMachine : IAsyncLifetime
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private ChildProcess? _process;
    private int _init;

    /// <summary>What makes the machine of the namespaces.</summary>
    protected virtual string Script => "machine.sh";

    public virtual async ValueTask InitializeAsync()
    {
        string script = Path.Combine(Repository.Root, "tests", "EndToEnd", "systemd", Script);

        // An abstract name, because the machine sees another file system.
        string name = $"vhostnet-{Guid.NewGuid():N}";
        using var notify = new NotifySocket("systemd's sd_notify", $"\0{name}");
        _process = await ChildProcess.StartAsync(
            "systemd",
            "unshare",
            [
                "--fork", "--pid", "--mount", "--ipc", "--uts", "--mount-proc", "--kill-child=KILL", script, Repository.Daemon, Path.Combine(Repository.Root, "deploy"),
            ],
            new Dictionary<string, string> { ["NOTIFY_SOCKET"] = $"@{name}", ["container"] = "test" });
        Task ready = notify.Output.WaitForAsync("^READY=1$", s_timeout);
        if (await Task.WhenAny(ready, _process.Exited) != ready)
        {
            throw _process.Output.Failure("ended before it was ready");
        }

        await ready;
        string children = await File.ReadAllTextAsync($"/proc/{_process.Id}/task/{_process.Id}/children");
        _init = int.Parse(children, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>The path by which this process reaches a file in there.</summary>
    public string PathOf(string path) => $"/proc/{_init}/root{path}";

    /// <summary>Runs a shell command in there; standard error is part of the output.</summary>
    public async Task<CommandResult> TryAsync(string command)
    {
        await using ChildProcess process = await ChildProcess.StartAsync(
            command, "nsenter", ["-t", $"{_init}", "-m", "-p", "-i", "-u", "--", "timeout", "25", "bash", "-c", command]);
        int status = await process.WaitForExitAsync(s_timeout);
        return new CommandResult(status, process.Output.ToString());
    }

    /// <summary>Runs a shell command in there that has to succeed, and returns its output.</summary>
    public async Task<string> RunAsync(string command)
    {
        CommandResult result = await TryAsync(command);
        return result.Status == 0
            ? result.Output
            : throw new TestPeerException($"'{command}' ended with status {result.Status}:\n{result.Output}\n{await JournalAsync()}");
    }

    /// <summary>A property of a unit, as <c>systemctl show</c> prints it.</summary>
    public async Task<string> ShowAsync(string unit, string property) => (await RunAsync($"systemctl show --value -p {property} {unit}")).Trim();

    /// <summary>What the services logged.</summary>
    public async Task<string> JournalAsync() => (await TryAsync("journalctl --no-pager -o short-precise -u 'vhostnetd*' | tail -n 60")).Output;
}
