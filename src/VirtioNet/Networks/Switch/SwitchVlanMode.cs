namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>How a switch port carries VLANs (IEEE 802.1Q).</summary>
public enum SwitchVlanMode
{
    /// <summary>Carries several VLANs in tagged frames, and one, the native one, in untagged frames.</summary>
    Trunk,

    /// <summary>Belongs to one VLAN, of which the outside knows nothing: frames are untagged; tagged ones from outside are dropped.</summary>
    Access,
}
