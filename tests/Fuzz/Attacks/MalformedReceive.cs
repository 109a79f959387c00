using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A receive ring of malformed chains that never gets empty, on a switch, and a sender of broadcasts.</summary>
internal sealed class MalformedReceive : Attack
{
    private AttackGuest? _holder, _sender;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "lan", kind = "switch" }];

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "holder", "lan"), Guest(directory, "sender", "lan")];

    public override void Begin(AttackScene scene)
    {
        (_holder, _sender) = (new AttackGuest(scene.Socket("holder"), 32768), new AttackGuest(scene.Socket("sender")));
        _sender.Run();
    }

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend frontend = _holder!.Connect();
        for (int i = 0; i < _holder.Rx.Size; i++)
        {
            _holder.Rx.Raw[i] = new RawDescriptor(ulong.MaxValue - 4096, 2048, RingFlags.VRING_DESC_F_WRITE, 0);
        }

        AttackGuest.KeepFull(_holder.Rx);
        frontend.StartQueue(_holder.Rx);
        for (int i = 0; i < 20; i++)
        {
            _sender!.TrySend(Packets.Broadcast());
            _sender.Kick();
            for (int j = 0; j < 20_000; j++)
            {
                AttackGuest.KeepFull(_holder.Rx);
            }
        }
    }

    protected override void Release()
    {
        _holder?.Dispose();
        _sender?.Dispose();
    }
}
