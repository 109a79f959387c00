using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A front end whose process has 30,000 mappings shares 150 regions of a file that it does not map: whoever looks for each in /proc reads all of it each time.</summary>
internal sealed class ManyMappings : Attack
{
    private readonly List<Mapping> _mappings = [];
    private readonly FileDescriptor _unmapped = FileDescriptor.FromResult(memfd_create("unmapped", MFD_CLOEXEC), "memfd_create");
    private AttackGuest? _guest;

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker")];

    public override void Begin(AttackScene scene)
    {
        using FileDescriptor file = FileDescriptor.FromResult(memfd_create("mappings", MFD_CLOEXEC), "memfd_create");
        _ = ftruncate(file.Value, 1 << 20);
        for (int i = 0; i < 30_000; i++)
        {
            // Neighbours that show different parts of a file are not merged into one.
            _mappings.Add(Mapping.Map(file.Value, (i % 3) * 8192, 4096, PROT_READ, MAP_SHARED));
        }

        _ = ftruncate(_unmapped.Value, 4096);
        _guest = new AttackGuest(scene.Socket("attacker"));
    }

    public override void Round(AttackScene scene)
    {
        VhostUserFrontend frontend = _guest!.Connect();
        _ = RegionHog.AddRegions(frontend, _unmapped.Value, 150);
        frontend.StartQueue(_guest.Tx);
    }

    protected override void Release()
    {
        _guest?.Dispose();
        _unmapped.Dispose();
        _mappings.ForEach(m => m.Dispose());
    }
}
