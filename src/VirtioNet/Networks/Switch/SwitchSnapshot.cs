using System.Numerics;
namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// The ports of a switch at one time and what follows from them: for each VLAN the set of ports that belong to it, as bits. Immutable: the control thread
/// publishes a new one for every change, data threads take it once per burst.
/// </summary>
internal sealed class SwitchSnapshot
{
    private readonly ulong[] _carryAll;
    private readonly ulong[]?[] _byVlan = new ulong[4096][];

    public SwitchSnapshot(IReadOnlyCollection<SwitchMember> members, SwitchMirror? mirror)
    {
        int slots = members.Count == 0 ? 0 : members.Max(m => m.Slot) + 1;
        Views = new SwitchPortView?[slots];
        Words = (slots + 63) / 64;
        Isolated = new ulong[Words];
        _carryAll = new ulong[Words];
        MirrorIn = new bool[slots];
        MirrorOut = new bool[slots];
        bool hasStatics = members.Any(m => m.Options.StaticMacs.Count > 0);
        foreach (SwitchMember member in members)
        {
            var view = new SwitchPortView(member, hasStatics);
            Views[view.Slot] = view;
        }

        Mirror = mirror is null ? null : Views.FirstOrDefault(v => v?.Port == mirror.Target);
        BuildVlans(members);
        if (Mirror is not null)
        {
            foreach (SwitchPortView view in Receivers)
            {
                MirrorIn[view.Slot] = mirror!.From is null || mirror.From.Contains(view.Port);
                MirrorOut[view.Slot] = mirror!.To is null || mirror.To.Contains(view.Port);
            }
        }
    }

    /// <summary>The ports by number; null where there is none.</summary>
    public SwitchPortView?[] Views { get; }

    /// <summary>Words of a set of ports.</summary>
    public int Words { get; }

    /// <summary>The isolated ports.</summary>
    public ulong[] Isolated { get; }

    /// <summary>The port that gets copies, or null. It takes no part in switching.</summary>
    public SwitchPortView? Mirror { get; }

    /// <summary>By port: frames that come in there are copied to the mirror.</summary>
    public bool[] MirrorIn { get; }

    /// <summary>By port: frames that go out there are copied to the mirror.</summary>
    public bool[] MirrorOut { get; }

    private IEnumerable<SwitchPortView> Receivers => Views.Where(v => v is not null && v != Mirror)!;

    /// <summary>The ports that can take a VLAN's frames: those that belong to it and are up.</summary>
    public ulong[] Ports(int vlan) => _byVlan[vlan] ?? _carryAll;

    /// <summary>How many those are.</summary>
    public int CountOf(int vlan)
    {
        int count = 0;
        foreach (ulong word in Ports(vlan))
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    private void BuildVlans(IReadOnlyCollection<SwitchMember> members)
    {
        // Only VLANs that some port names differ from the rest.
        IEnumerable<ushort> named = members.SelectMany(m => m.Options.Mode == SwitchVlanMode.Access ? [m.Options.AccessVlan] : m.Options.AllowedVlans ?? []);
        foreach (int vlan in named.Append((ushort)0).Distinct())
        {
            _byVlan[vlan] = new ulong[Words];
        }

        foreach (SwitchPortView view in Receivers)
        {
            ulong bit = 1UL << (view.Slot & 63);
            int word = view.Slot >> 6;
            Isolated[word] |= view.Isolated ? bit : 0;
            if (!view.IsUp)
            {
                continue;
            }

            for (int vlan = 0; vlan < _byVlan.Length; vlan++)
            {
                if (_byVlan[vlan] is { } ports && view.Carries(vlan))
                {
                    ports[word] |= bit;
                }
            }

            _carryAll[word] |= view.IsTrunk && view.Member.Options.AllowedVlans is null ? bit : 0;
        }
    }
}
