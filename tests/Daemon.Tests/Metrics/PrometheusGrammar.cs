using System.Text.RegularExpressions;

namespace VhostNet.Daemon.Tests.Metrics;

/// <summary>A slow, strict reader of the Prometheus text format 0.0.4.</summary>
internal static partial class PrometheusGrammar
{
    /// <summary>Fails the test when the text is not valid.</summary>
    public static IReadOnlyDictionary<string, double> Check(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var values = new Dictionary<string, double>();
        string? name = null;
        string? type = null;
        var seen = new HashSet<string>();
        foreach (string line in text.Split('\n')[..^1])
        {
            if (Help().Match(line) is { Success: true } help)
            {
                name = help.Groups["name"].Value;
                type = null;
                Assert.True(seen.Add(name), $"{name} is described twice, so its series are not together");
            }
            else if (Type().Match(line) is { Success: true } declared)
            {
                Assert.Equal(name, declared.Groups["name"].Value);
                type = declared.Groups["type"].Value;
                Assert.Equal(type == "counter", name!.EndsWith("_total", StringComparison.Ordinal));
            }
            else
            {
                Match sample = Sample().Match(line);
                Assert.True(sample.Success, $"no valid line: {line}");
                Assert.NotNull(type);
                Assert.Equal(name, sample.Groups["name"].Value);
                Assert.True(values.TryAdd(sample.Groups["series"].Value, double.Parse(sample.Groups["value"].Value, System.Globalization.CultureInfo.InvariantCulture)), $"twice: {line}");
            }
        }

        return values;
    }

    [GeneratedRegex("^# HELP (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) .+$")]
    private static partial Regex Help();

    [GeneratedRegex("^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<type>counter|gauge)$")]
    private static partial Regex Type();

    [GeneratedRegex("""^(?<series>(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)+\})?) (?<value>-?[0-9]+)$""")]
    private static partial Regex Sample();
}
