using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>32,768 heads of a receive ring that all name one loop of 32,768 empty descriptors, and one broadcast.</summary>
internal sealed class EmptyLoop : Attack
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
            _holder.Rx.Raw[i] = new RawDescriptor(_holder.BufferAddress(0), 0, RingFlags.VRING_DESC_F_WRITE | RingFlags.VRING_DESC_F_NEXT, (ushort)((i + 1) % _holder.Rx.Size));
            _holder.Rx.Raw.SetAvail(i, 0);
        }

        AttackGuest.KeepFull(_holder.Rx);
        frontend.StartQueue(_holder.Rx);
        for (int i = 0; i < 10; i++)
        {
            _sender!.Send(Packets.Broadcast());
            _ = poll([], 2);
        }
    }

    protected override void Release()
    {
        _holder?.Dispose();
        _sender?.Dispose();
    }
}
