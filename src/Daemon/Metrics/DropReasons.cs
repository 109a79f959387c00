using System.Text;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Daemon.Metrics;

/// <summary>The names of the reasons for which frames are dropped.</summary>
internal static class DropReasons
{
    /// <summary>Every reason, by number.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetNames<DropReason>().Select(ToSnakeCase)];

    /// <summary>A label for every reason, by number.</summary>
    public static IReadOnlyList<SeriesLabels> Labels { get; } = [.. Names.Select(n => new SeriesLabels(("reason", n)))];

    /// <summary>A name of an enumeration as labels have it.</summary>
    internal static string ToSnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
