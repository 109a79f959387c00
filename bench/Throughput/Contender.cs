using System.Globalization;

namespace VhostNet.Throughput;

/// <summary>
/// One back end with a front end of its own, DPDK's testpmd. Both stay alive through all windows of a case, and are stopped (SIGSTOP) but for their own
/// windows; the frames that circulate wait in the rings meanwhile.
/// </summary>
internal sealed class Contender : IAsyncDisposable
{
    /// <summary>What testpmd sends at a time.</summary>
    private const int BurstSize = 32;
    private static readonly TimeSpan s_flowLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(50);
    private readonly Backend _backend;
    private readonly List<Window> _windows = [];
    private Testpmd? _frontEnd;

    private Contender(Backend backend) => _backend = backend;

    /// <summary>The back end's name.</summary>
    public string Name => _backend.Name;

    /// <summary>All windows so far.</summary>
    public IReadOnlyList<Window> Windows => _windows;

    /// <summary>Starts both sides, sees frames come back, and stops them.</summary>
    public static async Task<Contender> StartAsync(Backend backend, BenchCase benchCase, TestDirectory directory)
    {
        Contender contender = new(backend);
        try
        {
            IReadOnlyList<string> sockets = await backend.StartAsync(benchCase, directory);
            contender._frontEnd = await StartFrontEndAsync(backend.Name, benchCase, sockets);
            for (int port = 0; port < benchCase.Ports; port++)
            {
                await contender._frontEnd.WaitForStatisticsAsync(s => s.RxPackets > benchCase.InFlight, s_flowLimit, port);
            }

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

    private static async Task<Testpmd> StartFrontEndAsync(string name, BenchCase benchCase, IReadOnlyList<string> sockets)
    {
        Testpmd frontEnd = await Testpmd.StartAsync(new TestpmdOptions
        {
            Name = $"{name}'s front end",
            Devices = [.. sockets.Select((socket, i) => TestpmdOptions.VirtioUser(i, socket, benchCase.DeviceArguments + $",mac={Mac(i)}"))],
            Queues = benchCase.QueuePairs,
            Lcores = $"0@{Backend.Cpu},1@{Backend.FrontEndCpu}",
            MemoryMegabytes = 128,
            Buffers = 16384 * benchCase.Ports,

            // Frames of several buffers want the device to gather and scatter (RTE_ETH_TX_OFFLOAD_MULTI_SEGS is bit 15).
            ExtraArguments = benchCase.Size > BenchCase.Jumbo ? ["--max-pkt-len=9600", "--enable-scatter", "--tx-offloads=0x8000"] : [],
        });
        for (int port = 0; port < sockets.Count; port++)
        {
            // What leaves by a port is meant for the port that it comes in by again, so that a switch learns both and floods nothing.
            await frontEnd.CommandAsync($"set eth-peer {port} {Mac(port ^ (sockets.Count > 1 ? 1 : 0))}");
        }

        await frontEnd.CommandAsync($"set txpkts {Segments(benchCase.Size)}");
        await frontEnd.StartForwardingAsync(benchCase.InFlight / BurstSize);
        return frontEnd;
    }

    private static string Mac(int port) => string.Create(CultureInfo.InvariantCulture, $"02:00:00:00:00:{port + 1:x2}");

    /// <summary>A frame's length as the list of buffers that testpmd wants.</summary>
    private static string Segments(int size)
    {
        IEnumerable<int> full = Enumerable.Repeat(BenchCase.Jumbo, size / BenchCase.Jumbo);
        return string.Join(',', size % BenchCase.Jumbo == 0 ? full : full.Append(size % BenchCase.Jumbo));
    }

    private static async Task PassAsync(TimeSpan time)
    {
        using PeriodicTimer timer = new(time);
        await timer.WaitForNextTickAsync();
    }

    private void Stop()
    {
        _frontEnd!.Process.Signal(SIGSTOP);
        _backend.Process.Signal(SIGSTOP);
    }
}
