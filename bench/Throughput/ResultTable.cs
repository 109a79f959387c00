using System.Globalization;
using System.Text;

namespace VhostNet.Throughput;

/// <summary>Prints ratios as a Markdown table whose columns also line up in a terminal.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private static readonly (string Title, int Width)[] s_columns =
    [
        ("case", 36), ("rates of / to", 16), ("ratio", 5), ("quartiles", 10), ("n", 3), ("near (n)", 9), ("far (n)", 9), ("Mpps", 5), ("to", 5), ("target", 6),
    ];

    /// <summary>Prints the head.</summary>
    public void PrintHead()
    {
        PrintLine([.. s_columns.Select(static c => c.Title)]);
        PrintLine([.. s_columns.Select(static c => new string('-', c.Width))]);
    }

    /// <summary>Prints the lines of one case.</summary>
    public void Print(CaseResult result)
    {
        foreach (PairedRatio ratio in result.Ratios)
        {
            double? Rate(string name) => result.Backends.FirstOrDefault(b => b.Name == name)?.MedianMpps;
            string quartiles = $"{Number(ratio.LowerQuartile)}..{Number(ratio.UpperQuartile)}";
            PrintLine(
                result.Name,
                $"{ratio.Of} / {ratio.To}",
                Number(ratio.Median),
                quartiles,
                ratio.N.ToString(CultureInfo.InvariantCulture),
                Part(ratio.Near, ratio.NearN),
                Part(ratio.Far, ratio.FarN),
                Number(Rate(ratio.Of)),
                Number(Rate(ratio.To)),
                Verdict(ratio));
        }
    }

    private void PrintLine(params ReadOnlySpan<string> cells)
    {
        var line = new StringBuilder("|");
        for (int i = 0; i < s_columns.Length; i++)
        {
            line.Append(' ').Append(cells[i].PadRight(s_columns[i].Width)).Append(" |");
        }

        output.WriteLine(line);
        output.Flush();
    }

    private static string Part(double? ratio, int n) => n == 0 ? "-" : $"{Number(ratio)} ({n.ToString(CultureInfo.InvariantCulture)})";

    private static string Number(double? value) => value?.ToString("F2", CultureInfo.InvariantCulture) ?? "-";

    private static string Verdict(PairedRatio ratio) => ratio switch
    {
        { Target: null } => "-",
        { Median: null } => "?",
        _ => (ratio.Median >= ratio.Target ? "≥ " : "< ") + ratio.Target?.ToString("F1", CultureInfo.InvariantCulture),
    };
}
