using VhostNet.Fuzz.Attacks.Harness;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A guest on a trunk of one VLAN keeps rewriting the tags of frames that are under way.</summary>
internal sealed class VlanRewrite : VlanAttack
{
    protected override object Place => new { mode = "trunk", vlans = new[] { 10 }, untagged = false };

    public override void Round(AttackScene scene)
    {
        byte[] frame = Packets.Broadcast();
        ((ReadOnlySpan<byte>)[0x81, 0x00, 0x00, 10, 0x88, 0xb5]).CopyTo(frame.AsSpan(12));
        int first = Attacker.Tx.Raw.AvailIndex % Attacker.Tx.Size, count = 0;
        while (count < 64 && Attacker.TrySend(frame))
        {
            count++;
        }

        Attacker.Kick();
        ushort end = Attacker.Tx.Raw.AvailIndex;
        for (int i = 0; i < 200_000 && Attacker.Tx.Raw.UsedIndex != end; i++)
        {
            ulong vlan = Attacker.FrameAddress((first + (i % Math.Max(1, count))) % Attacker.Tx.Size) + 12 + 15;
            Attacker.Memory.Bytes(vlan, 1)[0] = 20;
            Attacker.Memory.Bytes(vlan, 1)[0] = 10;
        }

        Look();
    }

    protected override bool MayLeave(ushort type, ushort tci) => type == 0x8100 && (tci & 0xfff) == 10;
}
