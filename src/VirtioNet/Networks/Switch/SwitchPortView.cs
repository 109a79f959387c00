using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// What the data path has to know of a port of a switch, compiled from its options and its state; immutable, part of a <see cref="SwitchSnapshot"/>.
/// </summary>
internal sealed class SwitchPortView
{
    /// <summary>No VLAN: such frames are dropped.</summary>
    public const int NoVlan = -1;

    private readonly ulong[] _carried;

    /// <summary>Compiles a port's options and state.</summary>
    /// <param name="member">The port.</param>
    /// <param name="hasStatics">Some port of the switch has fixed addresses.</param>
    public SwitchPortView(SwitchMember member, bool hasStatics)
    {
        SwitchPortOptions options = member.Options;
        Member = member;
        Port = member.Port;
        Slot = member.Slot;
        Isolated = options.Isolated;
        LinkEnabled = options.LinkEnabled;
        IsUp = options.LinkEnabled && member.Port.IsUp;
        Accepts = member.Port.Accepts;
        MacLimit = options.MacLimit;
        IsTrunk = options.Mode == SwitchVlanMode.Trunk;
        UntaggedVlan = IsTrunk ? options.NativeVlan ?? NoVlan : options.AccessVlan;
        CarriesAll = IsTrunk && options.AllowedVlans is null;
        _carried = new ulong[4096 / 64];
        foreach (int vlan in IsTrunk ? options.AllowedVlans?.Select(v => (int)v) ?? [] : [options.AccessVlan])
        {
            _carried[vlan >> 6] |= 1UL << (vlan & 63);
        }

        Pins = options.PinnedMacs is null && options.PinnedAddresses is null ? null : new SwitchPins(options.PinnedMacs, options.PinnedAddresses);
        bool isPlain = CarriesAll && UntaggedVlan == 0;
        SendsExact = !isPlain || hasStatics || !options.Storm.IsUnlimited;
        TakesExact = !isPlain || !member.Port.EndsInGuest;
    }

    /// <summary>The port's lasting part.</summary>
    public SwitchMember Member { get; }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>Its number in the switch.</summary>
    public int Slot { get; }

    /// <summary>It exchanges no frames with other isolated ports.</summary>
    public bool Isolated { get; }

    /// <summary>False when the link was taken down by configuration.</summary>
    public bool LinkEnabled { get; }

    /// <summary>True when it can take frames.</summary>
    public bool IsUp { get; }

    /// <summary>The offloads that it takes unfinished.</summary>
    public Offloads Accepts { get; }

    /// <summary>How many addresses may be learned at it.</summary>
    public int MacLimit { get; }

    /// <summary>It carries tagged frames.</summary>
    public bool IsTrunk { get; }

    /// <summary>VLAN of its untagged frames, or <see cref="NoVlan"/>.</summary>
    public int UntaggedVlan { get; }

    /// <summary>It is a trunk that carries every VLAN, so that what it sends can't reach one that is not its own.</summary>
    public bool CarriesAll { get; }

    /// <summary>It may send from certain addresses only; null for any.</summary>
    public SwitchPins? Pins { get; }

    /// <summary>
    /// True when the words by which the port's frames are judged must be those that leave: there is a rule that a sender would get around by changing its
    /// memory in between (the port's VLANs, storm control, addresses that are fixed somewhere).
    /// </summary>
    public bool SendsExact { get; }

    /// <summary>
    /// True when frames for the port must begin with the words that were judged: it carries some VLANs and not others, or leads out of this machine's guests.
    /// </summary>
    public bool TakesExact { get; }

    /// <summary>True when the port's state is what it was when this was made.</summary>
    public bool IsOf(Port port) => IsUp == (LinkEnabled && port.IsUp) && Accepts == port.Accepts;

    /// <summary>True when the port belongs to the VLAN. Number 0 can't stand in a tag, so that one is carried untagged or not at all.</summary>
    public bool Carries(int vlan) => vlan == 0 ? UntaggedVlan == 0 : CarriesAll || (_carried[vlan >> 6] & (1UL << (vlan & 63))) != 0;

    /// <summary>True when the VLAN's frames leave by the port with a tag.</summary>
    public bool SendsTagged(int vlan) => IsTrunk && vlan != UntaggedVlan;
}
