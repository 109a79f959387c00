using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>Connects, starts a transmit ring of 32,768 heads that is kept full, and closes, over and over.</summary>
internal sealed class FullRingStop(string poll) : Attack
{
    private AttackGuest? _guest;

    public override string Poll => poll;

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker", "hole"), new Dictionary<string, object> { ["name"] = "sink", ["kind"] = "null", ["network"] = "hole" }];

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "hole", kind = "wire" }];

    public override void Begin(AttackScene scene) => _guest = new AttackGuest(scene.Socket("attacker"), 32768);

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend frontend = _guest!.Connect();
        AttackGuest.KeepFull(_guest.Tx);
        frontend.StartQueue(_guest.Tx);
        Fill(200);
        _guest.Disconnect();
        Fill(2000);
    }

    protected override void Release() => _guest?.Dispose();

    private void Fill(int times)
    {
        for (int i = 0; i < times; i++)
        {
            AttackGuest.KeepFull(_guest!.Tx);
            _ = write(_guest.Tx.Kick.Value, 1UL);
        }
    }
}
