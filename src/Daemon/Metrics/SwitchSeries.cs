using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Metrics;

/// <summary>A switch that is measured. Any thread.</summary>
internal sealed class SwitchSeries(SwitchNetwork network)
{
    /// <summary>The labels of its series.</summary>
    public SeriesLabels Labels { get; } = new(("network", network.Name));

    /// <summary>The switch.</summary>
    public SwitchNetwork Network => network;
}
