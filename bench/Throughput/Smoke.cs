using System.Xml;
using System.Xml.Linq;

namespace VhostNet.Throughput;

/// <summary>Reads back what a short run wrote. Rates are not looked at: on a busy machine they say nothing.</summary>
internal static class Smoke
{
    /// <summary>What is wrong with the files of a run; empty if nothing is.</summary>
    public static async Task<IReadOnlyList<string>> CheckAsync(IReadOnlyList<BenchCase> cases, string json, string svg)
    {
        List<string> problems = [];
        ResultFile results = await ResultFile.ReadAsync(json);
        if (results.Runs is not [{ Date.Length: > 0, Dpdk: not "unknown", Processor.Length: > 0 }])
        {
            problems.Add($"{json}: the description of the run is not complete");
        }

        foreach (BenchCase benchCase in cases)
        {
            CaseResult? result = results.Cases.FirstOrDefault(c => c.Name == benchCase.Name);
            if (result is not { Backends.Count: >= 2, Ratios.Count: >= 1 } || result.Backends.Any(static b => b.Windows.Count < BenchOptions.LeastRounds))
            {
                problems.Add($"{json}: {benchCase.Name} lacks back ends, windows or ratios");
            }
        }

        try
        {
            XElement root = XDocument.Load(svg).Root!;
            string text = string.Concat(root.Descendants().Where(static e => e.Name.LocalName == "text").Select(static e => e.Value + "\n"));
            if (root.Name.LocalName != "svg" || cases.Any(c => !text.Contains(c.Name, StringComparison.Ordinal)))
            {
                problems.Add($"{svg} is no chart of all cases");
            }
        }
        catch (Exception e) when (e is XmlException or IOException)
        {
            problems.Add($"{svg} can't be read: {e.Message}");
        }

        return problems;
    }
}
