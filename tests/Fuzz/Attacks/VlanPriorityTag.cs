using VhostNet.Fuzz.Attacks.Harness;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A port of the native VLAN sends a priority tag (VID 0) with another VLAN's tag behind it.</summary>
internal sealed class VlanPriorityTag : VlanAttack
{
    protected override object Place => new { mode = "trunk", vlans = new[] { 0 }, nativeVlan = 0 };

    public override void Round(AttackScene scene)
    {
        byte[] frame = Packets.Broadcast();
        ((ReadOnlySpan<byte>)[0x81, 0x00, 0x00, 0x00, 0x81, 0x00, 0x00, 20, 0x88, 0xb5]).CopyTo(frame.AsSpan(12));
        Attacker.TrySend(frame);
        Attacker.TrySend(Packets.Broadcast());
        Attacker.Kick();
        _ = poll([], 1);
        Look();
    }

    /// <summary>Untagged, or a priority tag; no tag of a VLAN may be the outer one.</summary>
    protected override bool MayLeave(ushort type, ushort tci) => type is not (0x8100 or 0x88a8) || (tci & 0xfff) == 0;
}
