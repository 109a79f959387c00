using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostNet.Throughput;

/// <summary>
/// One back end with a front end of its own. Both stay alive through all windows of a case, and are stopped (SIGSTOP) but for their own windows; the
/// frames that circulate wait in the rings meanwhile.
/// </summary>
internal sealed partial class Contender : IAsyncDisposable
{
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(50);
    private readonly Backend _backend;
    private readonly List<Window> _windows = [];
    private Testpmd? _frontEnd;

    private Contender(Backend backend) => _backend = backend;

    /// <summary>The back end's name.</summary>
    public string Name => _backend.Name;

    /// <summary>The features that were negotiated, in hexadecimal.</summary>
    public string Features { get; private set; } = "";

    /// <summary>All windows so far.</summary>
    public IReadOnlyList<Window> Windows => _windows;

    /// <summary>Starts both sides, sees frames come back, and stops them.</summary>
    /// <exception cref="TestPeerException">They do not come, or the two sides agreed on something else than the case wants.</exception>
    public static async Task<Contender> StartAsync(Backend backend, BenchCase benchCase, TestDirectory directory)
    {
        Contender contender = new(backend);
        try
        {
            IReadOnlyList<string> sockets = await backend.StartAsync(benchCase, directory);
            contender._frontEnd = await FrontEnd.StartAsync(backend, benchCase, sockets);
            contender.CheckFeatures(benchCase);
            contender.Stop();
            return contender;
        }
        catch
        {
            await contender.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs for one window.</summary>
    public async Task RunAsync(int round, TimeSpan length, CacheLineProbe probe)
    {
        double before = probe.Measure();
        _backend.Process.Signal(SIGCONT);
        _frontEnd!.Process.Signal(SIGCONT);
        await PassAsync(s_settle);
        await _frontEnd.ReceiveRateAsync();
        await PassAsync(length);
        double rate = await _frontEnd.ReceiveRateAsync();
        Stop();
        double after = probe.Measure();
        _windows.Add(new Window(round, Math.Round(before), Math.Round(after), Math.Round(rate / 1e6, 4)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // At once and without farewell: a front end that closes its device would wait for a back end that is stopped.
        if (_frontEnd is not null)
        {
            await _frontEnd.DisposeAsync();
        }

        await _backend.DisposeAsync();
    }

    private static async Task PassAsync(TimeSpan time)
    {
        using PeriodicTimer timer = new(time);
        await timer.WaitForNextTickAsync();
    }

    /// <summary>The front end takes what it is offered: a back end that lacks a feature would be measured in another case than the table says.</summary>
    private void CheckFeatures(BenchCase benchCase)
    {
        Match match = FeaturesPattern().Matches(_backend.Log.ToString()).LastOrDefault()
            ?? throw _backend.Log.Failure("did not say which features were negotiated");
        ulong features = ulong.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        Features = $"0x{features:x}";
        if ((features & BenchCase.FeatureMask) != benchCase.Features)
        {
            throw _backend.Log.Failure($"negotiated {Features}, of which 0x{benchCase.Features:x} and no other bits of 0x{BenchCase.FeatureMask:x} are wanted");
        }
    }

    private void Stop()
    {
        _frontEnd!.Process.Signal(SIGSTOP);
        _backend.Process.Signal(SIGSTOP);
    }

    [GeneratedRegex("(?:negotiated Virtio features|features negotiated): 0x([0-9a-f]+)")]
    private static partial Regex FeaturesPattern();
}
