using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A switch whose uplink carries all VLANs, an attacker's port that does not, and a look at what leaves by the uplink.</summary>
internal abstract class VlanAttack : Attack
{
    private AttackGuest? _uplink;
    private int _hops;
    private long _seen;

    protected AttackGuest Attacker { get; private set; } = null!;

    /// <summary>The attacker's port to the switch.</summary>
    protected abstract object Place { get; }

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "lan", kind = "switch" }];

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker", "lan", Place), Guest(directory, "uplink", "lan")];

    public override void Begin(AttackScene scene)
    {
        (Attacker, _uplink) = (new AttackGuest(scene.Socket("attacker")), new AttackGuest(scene.Socket("uplink")));
        Attacker.Run();
        _uplink.Run();
    }

    public override void End(AttackScene scene)
    {
        if (_hops > 0)
        {
            throw new FuzzException($"{_hops} of {_seen} frames left with a VLAN that the attacker's port does not carry");
        }

        if (_seen == 0)
        {
            throw new FuzzException("no frame at all left by the uplink");
        }
    }

    protected override void Release()
    {
        Attacker?.Dispose();
        _uplink?.Dispose();
    }

    /// <summary>Whether a frame that came out at the uplink may do so.</summary>
    protected abstract bool MayLeave(ushort type, ushort tci);

    protected void Look()
    {
        while (_uplink!.Receive() is { } frame)
        {
            if (frame.Length < 18 || frame[6] != Packets.Mac[0] || frame[11] != Packets.Mac[5])
            {
                continue;
            }

            _seen++;
            _hops += MayLeave((ushort)((frame[12] << 8) | frame[13]), (ushort)((frame[14] << 8) | frame[15])) ? 0 : 1;
        }
    }
}
