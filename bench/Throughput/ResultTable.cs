using System.Globalization;

namespace VhostNet.Throughput;

/// <summary>Prints ratios as a Markdown table whose columns also line up in a terminal.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private const string Head = "case                              | rates of / to    | ratio | quartiles   |   n | near (n)   | far (n)    | Mpps  | to    | target";

    /// <summary>Prints the head.</summary>
    public void PrintHead()
    {
        output.WriteLine($"| {Head} |");
        output.WriteLine("| " + string.Concat(Head.Select(static c => c == '|' ? '|' : '-')).Replace("-|-", " | ", StringComparison.Ordinal) + " |");
        output.Flush();
    }

    /// <summary>Prints the lines of one case.</summary>
    public void Print(CaseResult result)
    {
        foreach (PairedRatio ratio in result.Ratios)
        {
            double? Rate(string name) => result.Backends.FirstOrDefault(b => b.Name == name)?.MedianMpps;
            string quartiles = $"{Number(ratio.LowerQuartile)}..{Number(ratio.UpperQuartile)}";
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {result.Name,-33} | {ratio.Of + " / " + ratio.To,-16} | {Number(ratio.Median),5} | {quartiles,-11} | {ratio.N,3} | {Part(ratio.Near, ratio.NearN),-10} | {Part(ratio.Far, ratio.FarN),-10} | {Number(Rate(ratio.Of)),5} | {Number(Rate(ratio.To)),5} | {Verdict(ratio),-6} |"));
        }

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
