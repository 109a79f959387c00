using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Frames;

/// <summary>What joins the guests of a case: a wire, or a switch whose innocent ports share one VLAN, in whatever way each carries it.</summary>
internal sealed class FrameNetwork : IDisposable
{
    private readonly Random _random;
    private readonly ushort _vlan;

    public FrameNetwork(Random random, bool wire)
    {
        _random = random;
        _vlan = random.OneIn(2) ? (ushort)0 : random.Pick<ushort>(FrameVlans.Numbered);
        Switch = wire ? null : new SwitchNetwork("network", new SwitchOptions { MacTableCapacity = random.Pick(4, 64, 8192) });
        Network = Switch ?? (Network)new WireNetwork("network");
    }

    public Network Network { get; }

    /// <summary>Null for a wire.</summary>
    public SwitchNetwork? Switch { get; }

    /// <summary>Joins somebody who has done nothing; returns the tags that its frames for the others need.</summary>
    public (ushort Type, ushort Tci)[] JoinInnocent(Port port)
    {
        SwitchPortOptions options = _random.Next(3) switch
        {
            0 => new SwitchPortOptions { Mode = SwitchVlanMode.Access, AccessVlan = _vlan },
            1 => new SwitchPortOptions { NativeVlan = _random.OneIn(2) ? _vlan : (ushort)0 },
            _ => new SwitchPortOptions { NativeVlan = _vlan == 0 ? _vlan : _random.OneIn(2) ? _vlan : null, AllowedVlans = [_vlan, 7] },
        };
        Join(port, options with { Retries = _random.OneIn(4) ? 2 : 0 });
        return options.Mode == SwitchVlanMode.Access || options.NativeVlan == _vlan ? [] : [((ushort)0x8100, _vlan)];
    }

    /// <summary>Joins the attacker, by a port of any kind.</summary>
    public void JoinAttacker(Port port) => Join(port, new SwitchPortOptions
    {
        Mode = _random.OneIn(3) ? SwitchVlanMode.Access : SwitchVlanMode.Trunk,
        AccessVlan = _random.OneIn(2) ? _vlan : _random.Pick<ushort>(FrameVlans.Numbered),
        NativeVlan = _random.Next(3) switch { 0 => 0, 1 => _vlan, _ => null },
        AllowedVlans = _random.OneIn(3) ? [0, _vlan, 5] : null,
        MacLimit = _random.OneIn(3) ? _random.Next(4) : 1024,
        PinnedMacs = _random.OneIn(4) ? [MacAddress.Read(FrameAddresses.Attacker)] : null,
    });

    public void Dispose()
    {
        foreach (Port port in Network.Ports.ToArray())
        {
            Network.Detach(port);
        }

        Switch?.Dispose();
    }

    private void Join(Port port, SwitchPortOptions options)
    {
        if (Switch is null)
        {
            Network.Attach(port);
        }
        else
        {
            Switch.Attach(port, options);
        }
    }
}
