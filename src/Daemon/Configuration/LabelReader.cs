using System.Text;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads a port's <c>labels</c>: what an operator wants its series and views to say of it.</summary>
internal static class LabelReader
{
    /// <summary>Most labels of a port: each is a part of every line of a scrape.</summary>
    private const int LabelsMax = 16;

    /// <summary>Most bytes of a value.</summary>
    private const int ValueBytesMax = 256;

    // Those that the daemon's own series have.
    private static readonly string[] s_taken =
        ["call", "direction", "errno", "generation", "instance", "job", "kind", "le", "network", "port", "quantile", "queue", "reason", "sink", "thread",
            "what"];

    /// <summary>Reads the object.</summary>
    /// <exception cref="ConfigException">A name is none for Prometheus or is taken, or there is too much.</exception>
    public static IReadOnlyDictionary<string, string> Read(ConfigSection section)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in section.OtherKeys())
        {
            if (section.Text(name) is not { } value)
            {
                continue;
            }

            labels[name] = !IsName(name) ? throw section.Error(name, $"can't be a label; letters, digits and '_' are allowed, not a digit first nor two '_'")
                : s_taken.Contains(name, StringComparer.Ordinal) ? throw section.Error(name, "is a label that series have already; choose another name")
                : Encoding.UTF8.GetByteCount(value) > ValueBytesMax ? throw section.Error(name,
                    $"is longer than the {ValueBytesMax} bytes that a label may have")
                : value;
        }

        return labels.Count <= LabelsMax ? labels : throw section.Error(labels.Last().Key, $"is one label too many; a port may have {LabelsMax}");
    }

    // Prometheus' data model; names that begin with two underscores are its own.
    private static bool IsName(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !char.IsAsciiDigit(name[0]) && !name.StartsWith("__", StringComparison.Ordinal);
}
