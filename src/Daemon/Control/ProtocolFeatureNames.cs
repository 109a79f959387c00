using VhostNet.VhostUser.Protocol;

namespace VhostNet.Daemon.Control;

/// <summary>Protocol feature bits by name, as the status view spells them: the specification's names in lower case.</summary>
internal static class ProtocolFeatureNames
{
    private static readonly string[] s_names = [.. Enumerable.Range(0, 64).Select(bit => ProtocolFeatures.Describe(1UL << bit).ToLowerInvariant())];

    /// <summary>The names of the bits in a mask.</summary>
    public static IReadOnlyList<string> Of(ulong features)
    {
        var names = new List<string>();
        for (int bit = 0; bit < 64; bit++)
        {
            if ((features >> bit & 1) != 0)
            {
                names.Add(s_names[bit]);
            }
        }

        return names;
    }
}
