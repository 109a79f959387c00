using static VhostNet.VhostUser.Virtqueues.VirtioFeatures;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Every combination of features that changes how a ring works: split and packed, indirect, event index, in order, legacy and modern.</summary>
public static class RingFeatures
{
    private static readonly (string Name, ulong Mask)[] s_bits =
    [
        ("packed", RING_PACKED), ("indirect", INDIRECT_DESC), ("event", EVENT_IDX), ("inorder", IN_ORDER), ("legacy", 0),
    ];

    public static TheoryData<string> All
    {
        get
        {
            var data = new TheoryData<string>();
            for (int bits = 0; bits < 32; bits++)
            {
                // Packed rings and IN_ORDER came with VERSION_1.
                bool legacy = (bits & 16) != 0;
                if (!legacy || (bits & (1 | 8)) == 0)
                {
                    data.Add(Name(bits));
                }
            }

            return data;
        }
    }

    /// <summary>The feature bits of a combination's name, such as "packed+event"; "plain" has none but VERSION_1.</summary>
    public static ulong Parse(string name)
    {
        string[] words = name.Split('+');
        ulong features = words.Contains("legacy") ? ANY_LAYOUT : VERSION_1;
        return features | s_bits.Where(b => words.Contains(b.Name)).Aggregate(0UL, (sum, b) => sum | b.Mask);
    }

    private static string Name(int bits)
    {
        var names = s_bits.Where((_, i) => (bits >> i & 1) != 0).Select(b => b.Name).ToList();
        return names.Count == 0 ? "plain" : string.Join('+', names);
    }
}
