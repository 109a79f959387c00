using System.Text.RegularExpressions;
using VhostNet.Daemon.Tests.Process;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>A daemon with a configuration file, and those that take over from it one after the other. What they tell the service manager goes to one socket.</summary>
internal sealed class TakeOverRig : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TestDirectory _directory = new();
    private readonly NotifySocket _notify;
    private readonly List<ChildProcess> _processes = [];

    public TakeOverRig() => _notify = new NotifySocket("sd_notify", _directory.File("notify"));

    /// <summary>The daemon that serves at present.</summary>
    public ChildProcess Present => _processes[^1];

    /// <summary>All that the service manager was told.</summary>
    public Transcript Notifications => _notify.Output;

    public string Control => File("control.sock");

    public string Configuration => File("vhostnet.json");

    public string File(string name) => _directory.File(name);

    public LiveGuest Guest(string name, byte station) => new(File($"{name}.sock"), station);

    public ControlClient Client() => new(Control);

    /// <summary>A guest's port as the configuration has it.</summary>
    public string Port(string name, string network, string more = "") =>
        $$"""{"name": "{{name}}", "kind": "vhost-user", "network": "{{network}}", "socket": {"path": "{{File(name + ".sock")}}"}{{more}}}""";

    /// <summary>Writes the configuration file.</summary>
    public void Configure(string networks, string ports, string more = "") => System.IO.File.WriteAllText(
        Configuration, $$"""{"networks": [{{networks}}], "ports": [{{ports}}], "control": {"path": "{{Control}}"}{{more}}}""");

    /// <summary>Starts the first daemon.</summary>
    public async Task StartAsync()
    {
        _processes.Add(await ChildProcess.StartAsync(
            "first", Repository.Daemon, ["--config", Configuration], new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _notify.Path }));
        await Notifications.WaitForAsync("^READY=1$", Limit);
    }

    /// <summary>Starts another one that takes over, and waits until it has and the old one has ended.</summary>
    public async Task<ChildProcess> TakeOverAsync()
    {
        ChildProcess old = Present;
        int from = Notifications.Length;
        ChildProcess next = await SpawnAsync();
        Task<Match> done = next.Output.WaitForAsync("^vhostnetd has taken over$", Limit);
        if (await Task.WhenAny(done, next.Exited) != done)
        {
            throw next.Output.Failure($"ended with status {await next.Exited} instead of taking over; the old one says:\n{old.Output.Tail()}");
        }

        await done;
        _processes.Add(next);
        Assert.Equal(0, await old.WaitForExitAsync(Limit));
        await Notifications.WaitForAsync(new Regex("^READY=1$", RegexOptions.Multiline), from, Limit);
        Assert.Contains($"MAINPID={next.Id}", Notifications.Since(from), StringComparison.Ordinal);
        return next;
    }

    /// <summary>Starts another one that is expected to be refused.</summary>
    /// <returns>Its exit status and what it said.</returns>
    public async Task<(int Status, string Said)> TryTakeOverAsync(string? control = null, string? configuration = null, params string[] more)
    {
        await using ChildProcess next = await SpawnAsync(control, configuration, more);
        int status = await next.WaitForExitAsync(Limit);
        return (status, next.Output.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ChildProcess process in _processes)
        {
            await process.DisposeAsync();
        }

        _notify.Dispose();
        _directory.Dispose();
    }

    private Task<ChildProcess> SpawnAsync(string? control = null, string? configuration = null, params string[] more) => ChildProcess.StartAsync(
        $"next{_processes.Count}", Repository.Daemon, ["--config", configuration ?? Configuration, "--take-over", control ?? Control, .. more]);
}
