using System.Text.Json;

namespace VhostNet.Throughput;

/// <summary>Writes the daemon's configuration file for a case.</summary>
internal static class DaemonConfiguration
{
    private const int SwitchPorts = 64;

    /// <summary>The file's text. Ports beyond the sockets of the front end have none at their other end.</summary>
    public static string Write(BenchCase benchCase, string network, IReadOnlyList<string> sockets)
    {
        int perNetwork = network switch { "hairpin" => 1, "wire" => 2, _ => int.MaxValue };
        bool many = benchCase.Topology == Topology.Switch64 && network == "switch";
        IEnumerable<string> all = many ? [.. sockets, .. Enumerable.Range(sockets.Count, SwitchPorts - sockets.Count).Select(i => $"{sockets[0]}-{i}")] : sockets;
        object[] ports = [.. all.Select((socket, i) => Port(benchCase, socket, i, $"net{i / perNetwork}", many))];
        int networks = Math.Max(1, sockets.Count / perNetwork);
        return JsonSerializer.Serialize(new
        {
            threads = new[] { new { name = "io0", poll = "busy", cpu = Backend.Cpu } },
            networks = Enumerable.Range(0, networks).Select(i => new { name = $"net{i}", kind = network }),
            ports,
        });
    }

    private static object Port(BenchCase benchCase, string socket, int index, string network, bool withAddresses)
    {
        string name = $"guest{index}";
        string kind = "vhost-user";
        int queuePairs = benchCase.QueuePairs;
        var listen = new { path = socket };
        var addresses = new { staticMacs = Enumerable.Range(0, FrontEnd.AddressesPerPort).Select(a => FrontEnd.Mac(index, a)) };
        return withAddresses
            ? new { name, kind, network, queuePairs, socket = listen, @switch = addresses }
            : new { name, kind, network, queuePairs, socket = listen };
    }
}
