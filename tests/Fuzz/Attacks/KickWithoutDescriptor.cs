using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>
/// Takes every descriptor there is, has a receive ring started without a kick descriptor, which needs one, and then lets another guest send to everybody.
/// </summary>
internal sealed class KickWithoutDescriptor : Attack
{
    private AttackGuest? _hog, _victim, _sender;

    public override int DescriptorLimit => 400;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "lan", kind = "switch" }];

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "hog"), Guest(directory, "victim", "lan"), Guest(directory, "sender", "lan")];

    public override void Begin(AttackScene scene)
    {
        (_hog, _victim, _sender) = (new AttackGuest(scene.Socket("hog")), new AttackGuest(scene.Socket("victim")), new AttackGuest(scene.Socket("sender")));
        _sender.Run();
    }

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend victim = _victim!.Connect();
        RegionHog.TakeAllBut(_hog!, 0);
        try
        {
            DriverQueue rx = _victim.Rx;
            _victim.OfferBuffers();
            victim.SetVringNum(0, (uint)rx.Size);
            victim.SetVringBase(0, 0);
            victim.SetVringAddr(victim.AddressOf(rx, false));
            victim.SetVringEnable(0, true);
            victim.SetVringKick(0, null);
        }
        finally
        {
            _sender!.Send(Packets.Broadcast());
            _hog!.Disconnect();
            _victim.Disconnect();

            // Before and after the daemon has seen that they are gone.
            for (int i = 0; i < 5; i++)
            {
                _sender.Send(Packets.Broadcast());
                _ = poll([], 3);
            }
        }
    }

    protected override void Release()
    {
        _hog?.Dispose();
        _victim?.Dispose();
        _sender?.Dispose();
    }
}
