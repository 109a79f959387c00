using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Null;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>null</c> port, which has no keys of its own.</summary>
internal static class NullUplink
{
    /// <summary>Reads the port's keys.</summary>
    public static Func<PortOptions, PortPlace, Port> Read(ConfigSection section) => static (port, _) => new NullPort(port.Name);
}
