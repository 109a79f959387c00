namespace VhostNet.Throughput;

/// <summary>Which back ends meet in a case, and what is expected of them.</summary>
/// <param name="Backends">The back ends.</param>
/// <param name="Comparisons">What is divided by what.</param>
internal sealed record CasePlan(IReadOnlyList<Backend> Backends, IReadOnlyList<Comparison> Comparisons)
{
    /// <summary>The name of our daemon in the tables.</summary>
    public const string Ours = "vhostnetd";

    /// <summary>The name of our wire beside our switch.</summary>
    public const string Wire = "wire";

    /// <summary>Plans a case.</summary>
    public static CasePlan For(BenchCase benchCase, BenchOptions options) => benchCase.Topology switch
    {
        Topology.Hairpin or Topology.Wire => Joined(benchCase, options),
        Topology.Switch => Switched(options),
        _ => ManyPorts(options),
    };

    private static CasePlan Joined(BenchCase benchCase, BenchOptions options)
    {
        string network = benchCase.Topology == Topology.Hairpin ? "hairpin" : "wire";
        DpdkBackend dpdk = new();
        return new CasePlan(
            [dpdk, new DaemonBackend(Ours, Repository.Daemon, network), .. Further(options, network)],
            [
                new Comparison(Ours, dpdk.Name, Target(benchCase)),
                .. options.Daemons.Select(d => new Comparison(d.Name, dpdk.Name, null)),
                .. options.Daemons.Select(static d => new Comparison(Ours, d.Name, null)),
            ]);
    }

    private static CasePlan Switched(BenchOptions options)
    {
        OpenVSwitchBackend ovs = new();
        return new CasePlan(
            [ovs, new DaemonBackend(Wire, Repository.Daemon, "wire"), new DaemonBackend(Ours, Repository.Daemon, "switch"), .. Further(options, "switch")],
            [
                new Comparison(Ours, Wire, 0.9),
                new Comparison(Ours, ovs.Name, 3.0),
                .. options.Daemons.Select(static d => new Comparison(Ours, d.Name, null)),
            ]);
    }

    private static CasePlan ManyPorts(BenchOptions options) => new(
        [new DaemonBackend(Wire, Repository.Daemon, "wire"), new DaemonBackend(Ours, Repository.Daemon, "switch"), .. Further(options, "switch")],
        [new Comparison(Ours, Wire, 0.8), .. options.Daemons.Select(static d => new Comparison(Ours, d.Name, null))]);

    private static IEnumerable<Backend> Further(BenchOptions options, string network) =>
        options.Daemons.Select(d => new DaemonBackend(d.Name, d.Program, network));

    /// <summary>The ratios to DPDK that the project wants to reach at least.</summary>
    private static double? Target(BenchCase benchCase) => benchCase switch
    {
        { QueuePairs: > 1 } => null,
        { InFlight: < BenchCase.FullRing } => 1.4,
        { Topology: Topology.Wire, Size: 64 } => benchCase.Packed ? 1.1 : 1.4,
        { Topology: Topology.Wire, Size: 1518 } => 2.0,
        { Topology: Topology.Hairpin, Size: 64, Packed: true } => 1.1,
        { Topology: Topology.Hairpin, Size: 64 } => benchCase.Mergeable ? 1.4 : 1.5,
        { Topology: Topology.Hairpin, Size: 1518 } => benchCase.Packed ? 2.0 : 2.5,
        _ => null,
    };
}
