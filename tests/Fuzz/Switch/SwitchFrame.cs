using System.Buffers.Binary;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Switch;

/// <summary>A frame as the next switch reads it (IEEE 802.1Q), and what the standard makes of it at a port; shares nothing with the code under attack.</summary>
internal static class SwitchFrame
{
    /// <summary>Types that some switch or other takes for a VLAN tag.</summary>
    public static readonly ushort[] TagTypes = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

    /// <summary>The VLAN that a port puts a frame into, or -1 when it takes no such frame.</summary>
    public static int VlanAt(SwitchPortOptions port, ReadOnlySpan<byte> frame)
    {
        int vlan = TagOf(frame) & 0xfff;
        return TagOf(frame) < 0 || vlan == 0 ? Untagged(port) : port.Mode == SwitchVlanMode.Trunk && Belongs(port, vlan) ? vlan : -1;
    }

    /// <summary>The tag that a frame begins with, or -1.</summary>
    public static int TagOf(ReadOnlySpan<byte> frame) => TypeOf(frame) == 0x8100 ? BinaryPrimitives.ReadUInt16BigEndian(frame[14..]) : -1;

    /// <summary>What follows the addresses.</summary>
    public static ushort TypeOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);

    /// <summary>The VLAN of a port's untagged frames, or -1.</summary>
    public static int Untagged(SwitchPortOptions port) => port.Mode == SwitchVlanMode.Access ? port.AccessVlan : port.NativeVlan ?? -1;

    /// <summary>True when the port belongs to a VLAN.</summary>
    public static bool Belongs(SwitchPortOptions port, int vlan) =>
        Untagged(port) == vlan || (vlan is > 0 and < 4095 && port.Mode == SwitchVlanMode.Trunk && (port.AllowedVlans?.Contains((ushort)vlan) ?? true));

    /// <summary>True for a trunk of all VLANs.</summary>
    public static bool CarriesAll(SwitchPortOptions port) => port is { Mode: SwitchVlanMode.Trunk, AllowedVlans: null };

    /// <summary>True for a port without any rule about VLANs.</summary>
    public static bool IsPlain(SwitchPortOptions port) => CarriesAll(port) && port.NativeVlan == 0;
}
