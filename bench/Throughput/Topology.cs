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
}
