using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A packed ring of 32,768 slots that no driver can have left like this, started again and again: whoever looks for its position reads all of it, often.</summary>
internal sealed class PackedScan : Attack
{
    private AttackGuest? _guest;

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker")];

    public override void Begin(AttackScene scene) => _guest = new AttackGuest(scene.Socket("attacker"), 32768, VirtioFeatures.RING_PACKED);

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend frontend = _guest!.ConnectOnly();
        for (int i = 0; i < _guest.Tx.Size; i++)
        {
            _guest.Tx.Raw[i] = new RawDescriptor(0, 0, i % 2 == 0 ? RingFlags.VRING_PACKED_DESC_F_AVAIL : (ushort)0, 0);
        }

        for (int i = 0; i < 20; i++)
        {
            frontend.StartQueue(_guest.Tx, enable: false, position: 0);
            _ = frontend.GetVringBase(1);
        }
    }

    protected override void Release() => _guest?.Dispose();
}
