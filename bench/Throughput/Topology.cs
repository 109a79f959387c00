namespace VhostNet.Throughput;

/// <summary>How the back end joins the ports of its front end.</summary>
internal enum Topology
{
    /// <summary>One port, to itself: what the guest sends comes back to it.</summary>
    Hairpin,

    /// <summary>Two ports back to back: two guests. Their rates are summed.</summary>
    Wire,

    /// <summary>Two ports of a learning switch, beside our own wire and Open vSwitch.</summary>
    Switch,

    /// <summary>
    /// A switch of 64 ports that knows 1,024 addresses; 32 of the ports, which is as many as testpmd can have, exchange frames with 16 others each. Beside
    /// it the same traffic on 16 wires.
    /// </summary>
    Switch64,
}
