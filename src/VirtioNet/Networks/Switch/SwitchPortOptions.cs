using System.Net;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>What is set for one port of a switch; the default is a port that carries every VLAN and knows no restriction.</summary>
public sealed record SwitchPortOptions
{
    /// <summary>Highest VLAN number (IEEE 802.1Q keeps 4095 to itself).</summary>
    public const ushort VlanMax = 4094;

    /// <summary>Most <see cref="Retries"/>, as Open vSwitch has it (tx-retries-max).</summary>
    public const int RetriesMax = 32;

    /// <summary>How the port carries VLANs.</summary>
    public SwitchVlanMode Mode { get; init; } = SwitchVlanMode.Trunk;

    /// <summary>VLAN of an access port; 0 is the VLAN of untagged frames where nothing else is set.</summary>
    public ushort AccessVlan { get; init; }

    /// <summary>VLAN of a trunk's untagged frames; null when it takes none.</summary>
    public ushort? NativeVlan { get; init; } = 0;

    /// <summary>The VLANs that a trunk carries, the native one included; null for all.</summary>
    public IReadOnlyCollection<ushort>? AllowedVlans { get; init; }

    /// <summary>True to keep the port from exchanging frames with other isolated ports.</summary>
    public bool Isolated { get; init; }

    /// <summary>False to take the link down: nothing in, nothing out.</summary>
    public bool LinkEnabled { get; init; } = true;

    /// <summary>
    /// How many more times a guest without buffers is looked at, about a microsecond apart, before frames for it are dropped; 0 to <see cref="RetriesMax"/>.
    /// Senders spend that time, so it is for guests that are slow for a moment only.
    /// </summary>
    public int Retries { get; init; }

    /// <summary>Most addresses that are learned at the port.</summary>
    public int MacLimit { get; init; } = 1024;

    /// <summary>Addresses that are fixed at this port, each in a VLAN: never learned elsewhere, never forgotten.</summary>
    public IReadOnlyCollection<(ushort Vlan, MacAddress Address)> StaticMacs { get; init; } = [];

    /// <summary>The only source addresses that frames from the port may have; null for any. Frames with others are dropped.</summary>
    public IReadOnlyCollection<MacAddress>? PinnedMacs { get; init; }

    /// <summary>
    /// The only IP addresses that the port may use, in IP, ARP and neighbour discovery; null for any. Link-local addresses made from pinned Ethernet addresses
    /// (RFC 4291 appendix A) and the unspecified address where the protocols need it (DHCP, duplicate address detection) are allowed besides.
    /// </summary>
    public IReadOnlyCollection<IPNetwork>? PinnedAddresses { get; init; }

    /// <summary>Limits on what the port may send to everybody.</summary>
    public SwitchStormLimits Storm { get; init; } = new();

    /// <summary>Checks that the values are possible.</summary>
    /// <exception cref="ArgumentException">One is not.</exception>
    internal void Check(string port)
    {
        CheckVlan(port, AccessVlan, "access VLAN");
        CheckVlan(port, NativeVlan ?? 0, "native VLAN");
        foreach (ushort vlan in AllowedVlans ?? [])
        {
            CheckVlan(port, vlan, "allowed VLAN");
        }

        if (Mode == SwitchVlanMode.Trunk && AllowedVlans is not null && NativeVlan is { } native && !AllowedVlans.Contains(native))
        {
            throw new ArgumentException($"Port {port}: its native VLAN {native} is not among the VLANs that it carries; add it there, or leave out the native VLAN.");
        }

        foreach ((ushort vlan, MacAddress address) in StaticMacs)
        {
            CheckVlan(port, vlan, "VLAN of a fixed address");
            CheckUnicast(port, address, "fixed");
        }

        foreach (MacAddress address in PinnedMacs ?? [])
        {
            CheckUnicast(port, address, "pinned");
        }

        if (Retries is < 0 or > RetriesMax)
        {
            throw new ArgumentException($"Port {port}: {Retries} retries are not possible; 0 to {RetriesMax} are.");
        }

        if (MacLimit < 0)
        {
            throw new ArgumentException($"Port {port}: the limit on learned addresses is {MacLimit}; it must be 0 or more.");
        }
    }

    private static void CheckVlan(string port, ushort vlan, string what)
    {
        if (vlan > VlanMax)
        {
            throw new ArgumentException($"Port {port}: {what} {vlan} does not exist; VLANs are 0 to {VlanMax}, where 0 is that of untagged frames.");
        }
    }

    private static void CheckUnicast(string port, MacAddress address, string what)
    {
        if (address.IsMulticast || address.Value == 0)
        {
            throw new ArgumentException($"Port {port}: {what} address {address} is no address of a single station.");
        }
    }
}
