using VhostNet.Daemon.Common;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Tap;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>tap</c> port.</summary>
internal static class TapUplink
{
    /// <summary>Reads the port's keys.</summary>
    public static Func<PortOptions, PortPlace, Port> Read(ConfigSection section)
    {
        string? name = InterfaceNames.Read(section, "interface");
        IReadOnlyList<long>? descriptors = section.Numbers("fds", 3, int.MaxValue);
        if (name is not null && descriptors is not null)
        {
            throw section.Error("fds", "is an alternative to \"interface\"; give one of them");
        }

        var defaults = new TapOptions();
        string? owner = section.Text("owner");
        string? group = section.Text("group");
        string path = section.Path;
        var options = new TapOptions
        {
            Name = name ?? defaults.Name,
            Descriptors = descriptors is null ? [] : [.. descriptors.Select(d => (int)d)],
            Bridge = InterfaceNames.Read(section, "bridge"),
            BringUp = section.Switch("up") ?? defaults.BringUp,
            Offloads = section.Switch("offloads") ?? defaults.Offloads,
            SendBuffer = section.Int("sendBuffer", 0, int.MaxValue) ?? defaults.SendBuffer,
            Hold = HoldTime.Read(section),
        };
        return (port, place) => new TapPort(
            port.Name,
            options with
            {
                Queues = port.QueuePairs,
                Mtu = port.Mtu ?? 0,
                Owner = Accounts.User(owner, $"{path}.owner"),
                Group = Accounts.Group(group, $"{path}.group"),
            },
            place.Contexts,
            place.FindLinks(),
            place.Control);
    }
}
