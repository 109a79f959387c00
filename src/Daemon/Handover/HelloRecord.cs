namespace VhostNet.Daemon.Handover;

/// <summary>How a process that takes over introduces itself.</summary>
/// <param name="Oldest">The oldest form of the state that it reads.</param>
/// <param name="Newest">The newest one.</param>
/// <param name="Product">Its version, for the log.</param>
/// <param name="ControlGroup">Its control group, which is the service's for a service manager; null when the kernel does not say.</param>
internal sealed record HelloRecord(int Oldest, int Newest, string Product, string? ControlGroup)
{
    /// <summary>How this process introduces itself.</summary>
    public static HelloRecord Own => new(HandoverState.Oldest, HandoverState.Newest, Common.Product.Version, OwnControlGroup);

    /// <summary>The control group of this process, or null.</summary>
    public static string? OwnControlGroup
    {
        get
        {
            try
            {
                return File.ReadLines("/proc/self/cgroup").FirstOrDefault(l => l.StartsWith("0::", StringComparison.Ordinal));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }
}
