using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A front end whose process has 30,000 mappings shares 150 regions: whoever looks them up in /proc for each region takes long.</summary>
internal sealed class ManyMappings : Attack
{
    private readonly List<Mapping> _mappings = [];
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

        _guest = new AttackGuest(scene.Socket("attacker"));
    }

    public override void Round(AttackScene scene) => RegionHog.AddRegions(_guest!.Connect(), _guest.Memory, 150);

    protected override void Release()
    {
        _guest?.Dispose();
        _mappings.ForEach(m => m.Dispose());
    }
}
