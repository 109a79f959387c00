using System.Globalization;

namespace VhostNet.InProcess;

/// <summary>Prints the results as a table that is Markdown at the same time.</summary>
internal static class BenchTable
{
    public static void PrintHead(TextWriter output, Baseline? baseline)
    {
        output.WriteLine($"| {"case",-26} | {"ns",8} | {"reference",-16} | {"ns",8} | {"ratio",6} |{(baseline is null ? "" : " baseline | change |")} target | ");
        output.WriteLine($"| --- | ---: | --- | ---: | ---: |{(baseline is null ? "" : " ---: | ---: |")} --- |");
    }

    public static void Print(TextWriter output, BenchRow row, Baseline? baseline)
    {
        string compared = "";
        if (baseline is not null)
        {
            compared = baseline.Ratio(row.Name) is { } earlier
                ? string.Create(CultureInfo.InvariantCulture, $" {earlier,8:F2} | {(row.Ratio / earlier) - 1,6:+0%;-0%} |")
                : "      new |        |";
        }

        string last = row.Note.Length == 0 ? row.Verdict : $"{row.Verdict}; {row.Note}";
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {row.Name,-26} | {row.Ns,8:F1} | {row.Reference,-16} | {row.ReferenceNs,8:F1} | {row.Ratio,6:F2} |{compared} {last} |"));
        output.Flush();
    }
}
