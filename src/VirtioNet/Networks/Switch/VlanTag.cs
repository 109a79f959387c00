using System.Runtime.CompilerServices;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>EtherTypes that announce a VLAN tag, by which some switch or other would put a frame into a VLAN.</summary>
internal static class VlanTag
{
    /// <summary>Bytes of a tag: its type and its control information.</summary>
    public const int Length = 4;

    // Tags within tags before there was IEEE 802.1ad; switches of several makers still take them.
    private const ushort Stacked1 = 0x9100;
    private const ushort Stacked2 = 0x9200;
    private const ushort Stacked3 = 0x9300;

    /// <summary>True for the tag that this switch goes by (IEEE 802.1Q, C-TAG).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOurs(uint type) => type == ETH_P_8021Q;

    /// <summary>True for any type that a next switch may take for a tag.</summary>
    public static bool IsAny(uint type) => type is ETH_P_8021Q or FrameLayout.ServiceTag or Stacked1 or Stacked2 or Stacked3;
}
