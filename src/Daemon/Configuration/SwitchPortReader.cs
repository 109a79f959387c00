using System.Net;
using VhostNet.Daemon.Configuration.Ports;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads what a port is to a switch: the key <c>switch</c> of a port.</summary>
internal static class SwitchPortReader
{
    private const string StaticMeaning = "a MAC address with its VLAN, such as 52:54:00:12:34:56@10, or without one for untagged frames,";

    private static readonly Dictionary<string, SwitchVlanMode> s_modes = new(StringComparer.Ordinal)
    {
        ["trunk"] = SwitchVlanMode.Trunk,
        ["access"] = SwitchVlanMode.Access,
    };

    /// <summary>Reads the object.</summary>
    public static SwitchPortOptions Read(ConfigSection section)
    {
        var defaults = new SwitchPortOptions();
        SwitchVlanMode mode = section.Choice("mode", s_modes) ?? defaults.Mode;
        int? vlan = section.Int("vlan", 1, SwitchPortOptions.VlanMax);
        int? native = section.Int("nativeVlan", 0, SwitchPortOptions.VlanMax);
        bool untagged = section.Switch("untagged") ?? true;
        IReadOnlyList<long>? carried = section.Numbers("vlans", 0, SwitchPortOptions.VlanMax);
        CheckMode(section, mode);
        if (carried is not null && untagged && !carried.Contains(native ?? 0))
        {
            throw section.Error(
                "vlans",
                $"VLAN {native ?? 0}, that of untagged frames, is not among them; add it, set \"nativeVlan\" to one of them, or \"untagged\" to false");
        }

        var options = new SwitchPortOptions
        {
            Mode = mode,
            AccessVlan = (ushort)(vlan ?? 0),
            NativeVlan = untagged ? (ushort)(native ?? 0) : null,
            AllowedVlans = carried is null ? null : [.. carried.Select(v => (ushort)v)],
            Isolated = section.Switch("isolated") ?? defaults.Isolated,
            LinkEnabled = section.Switch("link") ?? defaults.LinkEnabled,
            Retries = section.Int("retries", 0, SwitchPortOptions.RetriesMax) ?? defaults.Retries,
            MacLimit = section.Int("macLimit", 0, SwitchOptions.MacTableCapacityMax) ?? defaults.MacLimit,
            StaticMacs = section.ParsedList<(ushort, MacAddress)>("staticMacs", TryParseStatic, StaticMeaning) ?? [],
            PinnedMacs = section.ParsedList<MacAddress>("pinnedMacs", MacAddress.TryParse, AddressParsers.MacMeaning),
            PinnedAddresses = section.ParsedList<IPNetwork>("pinnedAddresses", TryParseNetwork, "an IP address or network, such as 10.0.0.5 or 10.0.0.0/24,"),
            Storm = section.Section("storm") is { } storm ? ReadStorm(storm) : defaults.Storm,
        };
        section.End();
        return options;
    }

    private static void CheckMode(ConfigSection section, SwitchVlanMode mode)
    {
        string[] wrong = mode == SwitchVlanMode.Access ? ["nativeVlan", "untagged", "vlans"] : ["vlan"];
        foreach (string key in wrong.Where(section.Has))
        {
            throw section.Error(key, mode == SwitchVlanMode.Access
                ? "belongs to \"mode\": \"trunk\"; an access port has \"vlan\""
                : "belongs to \"mode\": \"access\"; a trunk has \"vlans\" and \"nativeVlan\"");
        }
    }

    private static SwitchStormLimits ReadStorm(ConfigSection section)
    {
        var limits = new SwitchStormLimits
        {
            BroadcastPerSecond = section.Number("broadcastPerSecond", 0, 1_000_000_000) ?? 0,
            MulticastPerSecond = section.Number("multicastPerSecond", 0, 1_000_000_000) ?? 0,
            UnknownPerSecond = section.Number("unknownPerSecond", 0, 1_000_000_000) ?? 0,
        };
        section.End();
        return limits;
    }

    private static bool TryParseStatic(string text, out (ushort, MacAddress) value)
    {
        string[] parts = text.Split('@');
        value = default;
        ushort vlan = 0;
        if (parts.Length > 2 || !MacAddress.TryParse(parts[0], out MacAddress address) || address.IsMulticast
            || (parts.Length == 2 && !ushort.TryParse(parts[1], out vlan)))
        {
            return false;
        }

        value = (vlan, address);
        return true;
    }

    private static bool TryParseNetwork(string text, out IPNetwork value)
    {
        if (IPAddress.TryParse(text, out IPAddress? address))
        {
            value = new IPNetwork(address, 8 * address.GetAddressBytes().Length);
            return true;
        }

        return IPNetwork.TryParse(text, out value);
    }
}
