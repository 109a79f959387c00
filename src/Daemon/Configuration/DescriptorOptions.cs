namespace VhostNet.Daemon.Configuration;

/// <summary>How the process's descriptors are shared out.</summary>
internal sealed record DescriptorOptions
{
    /// <summary>Least reserve: with fewer the runtime might not get those that it can't do without.</summary>
    public const int ReserveMin = 16;

    /// <summary>
    /// Descriptors kept for what already runs: while they are touched nothing new is taken on that needs more. See <see cref="DescriptorReserve"/>.
    /// </summary>
    public int Reserve { get; init; } = DescriptorReserve.Default;
}
