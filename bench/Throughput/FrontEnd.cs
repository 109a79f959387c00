using System.Globalization;

namespace VhostNet.Throughput;

/// <summary>Starts the front end of all back ends: DPDK's testpmd with a virtio-user port for each socket, and frames that circulate for ever.</summary>
internal static class FrontEnd
{
    /// <summary>Addresses behind each port of the switch with many ports.</summary>
    public const int AddressesPerPort = 16;

    /// <summary>What testpmd sends at a time.</summary>
    private const int BurstSize = 32;
    private static readonly TimeSpan s_flowLimit = TimeSpan.FromSeconds(20);

    /// <summary>An address behind a port.</summary>
    public static string Mac(int port, int address = 0) => string.Create(CultureInfo.InvariantCulture, $"02:00:00:00:{port + 1:x2}:{address:x2}");

    /// <summary>Starts it, and returns when frames come back to every port.</summary>
    public static async Task<Testpmd> StartAsync(Backend backend, BenchCase benchCase, IReadOnlyList<string> sockets)
    {
        bool many = benchCase.Topology == Topology.Switch64;
        bool jumbo = benchCase.Size > BenchCase.BufferSize;
        Testpmd frontEnd = await Testpmd.StartAsync(new TestpmdOptions
        {
            Name = $"{backend.Name}'s front end",
            Devices = [.. sockets.Select((s, i) => TestpmdOptions.VirtioUser(i, s, $"{benchCase.DeviceArguments},mac={Mac(i)}", benchCase.RingSize))],
            Queues = benchCase.QueuePairs,
            Lcores = $"0@{Backend.Cpu},1@{Backend.FrontEndCpu}",
            MemoryMegabytes = 128,
            Buffers = many ? 32768 : 16384 * benchCase.Ports,
            RingSize = benchCase.RingSize,
            Forward = many ? "macswap" : "io",
            ExtraArguments =
            [
                // Frames of several buffers want the device to gather and scatter (RTE_ETH_TX_OFFLOAD_MULTI_SEGS is bit 15).
                .. jumbo ? (string[])["--max-pkt-len=9600", "--enable-scatter", "--tx-offloads=0x8000"] : [],
                .. many ? (string[])["--port-topology=loop", "--no-flush-rx"] : [],
            ],
        });
        try
        {
            await backend.ReadyAsync();
            await frontEnd.CommandAsync($"set txpkts {Segments(benchCase.Size)}");
            await (many ? SendToManyAsync(frontEnd, benchCase) : SendToPeerAsync(frontEnd, benchCase));
            for (int port = 0; port < sockets.Count; port++)
            {
                await frontEnd.WaitForStatisticsAsync(s => s.RxPackets > benchCase.InFlight, s_flowLimit, port);
            }

            return frontEnd;
        }
        catch
        {
            await frontEnd.DisposeAsync();
            throw;
        }
    }

    /// <summary>What leaves by a port is meant for the port that it comes in by again, so that a switch learns both addresses and floods nothing.</summary>
    private static async Task SendToPeerAsync(Testpmd frontEnd, BenchCase benchCase)
    {
        for (int port = 0; port < benchCase.Ports; port++)
        {
            await frontEnd.CommandAsync($"set eth-peer {port} {Mac(benchCase.Ports == 1 ? port : port ^ 1)}");
        }

        await frontEnd.StartForwardingAsync(benchCase.InFlight / BurstSize);
    }

    /// <summary>
    /// Every port sends some frames to an address behind each of 16 others, and sends back what it receives with the addresses swapped. A frame moves
    /// between the same two ports for ever, so a ring never has to hold more than twice what its port sent, and none is lost. Frames that were sent
    /// before wait in the rings while forwarding pauses (--no-flush-rx).
    /// </summary>
    private static async Task SendToManyAsync(Testpmd frontEnd, BenchCase benchCase)
    {
        await frontEnd.CommandAsync($"set burst {benchCase.InFlight / AddressesPerPort}");
        for (int address = 0; address < AddressesPerPort; address++)
        {
            for (int port = 0; port < benchCase.Ports; port++)
            {
                int other = (port + 1 + (2 * address)) % benchCase.Ports;
                await frontEnd.CommandAsync($"set eth-peer {port} {Mac(other, address)}");
            }

            await frontEnd.StartForwardingAsync(1);
            await frontEnd.CommandAsync("stop");
        }

        await frontEnd.CommandAsync($"set burst {BurstSize}");
        await frontEnd.StartForwardingAsync();
    }

    /// <summary>A frame's length as the list of buffers that testpmd wants.</summary>
    private static string Segments(int size)
    {
        IEnumerable<int> full = Enumerable.Repeat(BenchCase.BufferSize, size / BenchCase.BufferSize);
        return string.Join(',', size % BenchCase.BufferSize == 0 ? full : full.Append(size % BenchCase.BufferSize));
    }
}
