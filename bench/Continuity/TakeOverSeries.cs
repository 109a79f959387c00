using System.Globalization;
using System.Text.Json;

namespace VhostNet.Continuity;

/// <summary>A daemon with guests, each on a hairpin of its own, that is taken over again and again.</summary>
internal sealed class TakeOverSeries(int guests, int busy) : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly TestDirectory _directory = new();
    private readonly List<FrontendGuest> _idle = [];
    private readonly List<BusyGuest> _busy = [];
    private ChildProcess? _daemon;

    private string Configuration => _directory.File("vhostnet.json");

    private string Control => _directory.File("control.sock");

    /// <summary>Runs so many take-overs under traffic.</summary>
    public async Task<TakeOverResult> RunAsync(int count)
    {
        await StartAsync();
        var said = new List<double>();
        var seen = new List<double>();
        for (int i = 0; i < count; i++)
        {
            // What came before is not this one's.
            _busy.ForEach(g => g.TakeWorst());
            said.Add(await TakeOverAsync(i));
            seen.AddRange(_busy.Select(g => g.TakeWorst().TotalMilliseconds));
        }

        long received = _busy.Sum(g => g.Received);
        return new TakeOverResult(guests, busy, said, seen, received, _busy.Sum(g => g.Stop()));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _busy.ForEach(g => g.Dispose());
        _idle.ForEach(g => g.Dispose());
        if (_daemon is not null)
        {
            await _daemon.DisposeAsync();
        }

        _directory.Dispose();
    }

    private async Task StartAsync()
    {
        File.WriteAllText(Configuration, JsonSerializer.Serialize(new
        {
            networks = Enumerable.Range(0, guests).Select(i => new { name = $"n{i}", kind = "hairpin" }),
            ports = Enumerable.Range(0, guests).Select(i => new
            {
                name = $"g{i}",
                kind = "vhost-user",
                network = $"n{i}",
                socket = new { path = _directory.File($"g{i}.sock") },
            }),
            control = new { path = Control },
        }));
        _daemon = await ChildProcess.StartAsync("daemon", Repository.Daemon, ["--config", Configuration]);
        await _daemon.Output.WaitForAsync("is ready", s_limit);
        for (int i = 0; i < guests; i++)
        {
            string socket = _directory.File($"g{i}.sock");
            if (i < busy)
            {
                _busy.Add(new BusyGuest(socket));
            }
            else
            {
                _idle.Add(new FrontendGuest(socket, 64, 1));
            }
        }
    }

    /// <returns>The gap as the daemon says, in milliseconds.</returns>
    private async Task<double> TakeOverAsync(int number)
    {
        ChildProcess old = _daemon!;
        ChildProcess next = await ChildProcess.StartAsync($"daemon{number}", Repository.Daemon, ["--config", Configuration, "--take-over", Control]);
        await next.Output.WaitForAsync("^vhostnetd has taken over$", s_limit);
        _daemon = next;
        await old.WaitForExitAsync(s_limit);
        await old.DisposeAsync();
        string micros = (await next.Output.WaitForAsync("no frame was forwarded for ([0-9]+) us", s_limit)).Groups[1].Value;
        return double.Parse(micros, CultureInfo.InvariantCulture) / 1000;
    }
}
