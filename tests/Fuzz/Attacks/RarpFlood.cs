using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.Fuzz.Attacks;

/// <summary>SEND_RARP as fast as it goes: each is a frame that somebody has to keep until it can be sent.</summary>
internal sealed class RarpFlood : Attack
{
    private AttackGuest? _guest;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "lan", kind = "switch" }];

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker", "lan"), Guest(directory, "other", "lan")];

    public override void Begin(AttackScene scene)
    {
        _guest = new AttackGuest(scene.Socket("attacker"));
        _guest.Run();
    }

    public override void Round(AttackScene scene)
    {
        if (_guest!.Frontend is null)
        {
            _guest.Run();
        }

        try
        {
            for (int i = 0; i < 500; i++)
            {
                byte[] payload = new byte[8];
                Wire.Write(payload, 0x0000_0100_5452_0002UL + ((ulong)i << 40));
                _guest.Frontend!.SendMessage((uint)RequestCode.SEND_RARP, MessageHeader.Version, payload);
            }

            _guest.Frontend!.Barrier();
        }
        catch (VhostUserFrontendException)
        {
            _guest.Disconnect();
            throw;
        }
    }

    protected override void Release() => _guest?.Dispose();
}
