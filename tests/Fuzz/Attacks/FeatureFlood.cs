using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A front end that connects and negotiates other features each time, with a state directory in which what was offered is kept.</summary>
internal sealed class FeatureFlood : Attack
{
    private int _number;

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker")];

    public override IReadOnlyDictionary<string, object> Keys(TestDirectory directory)
    {
        Directory.CreateDirectory(directory.File("state"));
        return new Dictionary<string, object> { ["stateDirectory"] = directory.File("state") };
    }

    public override void Round(AttackScene scene)
    {
        using var frontend = VhostUserFrontend.Connect(scene.Socket("attacker"), new FrontendOptions { Timeout = TimeSpan.FromSeconds(5) }, TimeSpan.FromSeconds(5));
        for (int i = 0; i < 100; i++)
        {
            ulong features = frontend.GetFeatures();
            frontend.SetFeatures(features & ~(1UL << (_number++ % 13)) & ~VirtioFeatures.PROTOCOL_FEATURES);
        }
    }
}
