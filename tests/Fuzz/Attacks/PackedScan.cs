using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Attacks;

/// <summary>
/// 256 packed rings of 32,768 slots that no driver can have left like this, all started by one message, the memory table: whoever looks for their positions reads all of it, often.
/// </summary>
internal sealed class PackedScan : Attack
{
    private const int Rings = 256;
    private AttackGuest? _guest;

    public override IEnumerable<object> Ports(TestDirectory directory)
    {
        Dictionary<string, object> port = Guest(directory, "attacker");
        port["queuePairs"] = Rings / 2;
        return [port];
    }

    public override void Begin(AttackScene scene)
    {
        _guest = new AttackGuest(scene.Socket("attacker"), 32768, VirtioFeatures.RING_PACKED);
        for (int i = 0; i < _guest.Tx.Size; i++)
        {
            _guest.Tx.Raw[i] = new RawDescriptor(0, 0, i % 2 == 0 ? RingFlags.VRING_PACKED_DESC_F_AVAIL : (ushort)0, 0);
        }
    }

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend frontend = _guest!.Negotiate();
        GuestMemory memory = _guest.Memory;
        DriverQueue tx = _guest.Tx;
        for (int i = 0; i < Rings; i++)
        {
            frontend.SetVringNum(i, (uint)tx.Size);
            frontend.SetVringAddr(new VringAddress(
                (uint)i, 0, memory.UserAddress(tx.DescriptorAddress), memory.UserAddress(tx.DeviceAddress), memory.UserAddress(tx.DriverAddress), 0));
            frontend.SetVringKick(i, tx.Kick);
        }

        frontend.ShareMemory(memory);
        _guest.Disconnect();
    }

    protected override void Release() => _guest?.Dispose();
}
