using VhostNet.VirtioNet.Ports.Tap;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>tap</c> port.</summary>
internal static class TapPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static TapPortOptions Read(ConfigSection section)
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
        return new TapPortOptions(options) { Owner = owner, Group = group };
    }
}
