using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// Decides which IoThreads there are and which of them work on a port. A port that names threads gets those. Otherwise the ends of a wire share their threads,
/// so that a frame is carried from one end to the other without changing the CPU, and guests are dealt out to the threads in turn.
/// </summary>
internal static class ThreadPlacement
{
    /// <summary>The threads to make: those configured, or else one for each queue pair of a guest, at most one per CPU.</summary>
    public static IReadOnlyList<ThreadOptions> Threads(DaemonOptions options, int processors)
    {
        if (options.Threads.Count > 0)
        {
            return options.Threads;
        }

        int wanted = options.Ports.Where(p => p.IsVhostUser).Sum(p => p.QueuePairs);
        return [.. Enumerable.Range(0, Math.Clamp(wanted, 1, Math.Max(1, processors))).Select(i => new ThreadOptions($"io{i}") { IsAutomatic = true })];
    }

    /// <summary>The names of the threads that work on a port's queues, in the order in which queues are dealt out to them.</summary>
    /// <param name="port">The port.</param>
    /// <param name="ports">All ports, this one among them.</param>
    /// <param name="threads">The names of all threads.</param>
    public static IReadOnlyList<string> For(PortOptions port, IReadOnlyList<PortOptions> ports, IReadOnlyList<string> threads)
    {
        if (port.Threads.Count > 0)
        {
            return port.Threads;
        }

        PortOptions leader = Leader(port, ports);
        if (leader.Threads.Count > 0)
        {
            return leader.Threads;
        }

        int first = 0;
        foreach (PortOptions other in ports)
        {
            if (ReferenceEquals(other, leader))
            {
                break;
            }

            first += other.IsVhostUser && other.Threads.Count == 0 ? other.QueuePairs : 0;
        }

        return [.. threads.Select((_, i) => threads[(first + i) % threads.Count])];
    }

    // The guest decides where its uplink's frames are handled: it is the end that sends at any rate it likes.
    private static PortOptions Leader(PortOptions port, IReadOnlyList<PortOptions> ports) =>
        port.IsVhostUser || port.Network is null ? port : ports.FirstOrDefault(p => p.IsVhostUser && p.Network == port.Network) ?? port;
}
