using System.Globalization;
using System.Xml.Linq;

namespace VhostNet.Throughput;

/// <summary>Draws ratios as horizontal bars: a bar for each, beside the line of equal rates and a mark for what is wanted.</summary>
internal static class SvgChart
{
    private const int Width = 960;
    private const int Left = 330;
    private const int Right = 700;
    private const int Top = 96;
    private const int RowHeight = 20;
    private const string Ink = "#222";
    private const string Faint = "#777";
    private const string Good = "#2a7f62";
    private const string Short = "#c46a1b";
    private const string Plain = "#4a78a8";
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    /// <summary>Writes the chart to a file, and makes its directory if that is missing.</summary>
    public static void Write(ResultFile results, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, Draw(results) + "\n");
    }

    private static XElement Draw(ResultFile results)
    {
        // A row without a ratio is the heading of a group; the first word of a case's name is its group.
        List<(string Name, PairedRatio? Ratio)> rows = [];
        foreach (IGrouping<string, CaseResult> group in results.Cases.GroupBy(static c => c.Name.Split('-')[0]))
        {
            rows.Add((group.Key, null));
            rows.AddRange(group.SelectMany(static c => c.Ratios.Select(r => (c.Name, (PairedRatio?)r))));
        }

        double largest = Math.Max(2, Math.Ceiling(rows.Max(static r => Math.Max(r.Ratio?.UpperQuartile ?? 0, r.Ratio?.Target ?? 0)) * 2) / 2);
        double X(double ratio) => Left + ((Right - Left) * ratio / largest);
        int bottom = Top + (rows.Count * RowHeight);
        RunDescription last = results.Runs[^1];
        XElement svg = new(
            s_svg + "svg",
            new XAttribute("viewBox", $"0 0 {Width} {bottom + 40}"),
            new XAttribute("font-family", "sans-serif"),
            new XAttribute("font-size", 12),
            Rectangle(0, 0, Width, bottom + 40, "#fff"),
            Text(16, 26, "Rate of the first back end as a multiple of the second's, same front end, one core each side", Ink, size: 16),
            Text(16, 44, "Median of paired windows, whiskers: quartiles. Triangle: what is wanted; green reaches it, orange does not, blue has no target.", Faint),
            Text(16, 60, $"{last.Date[..10]}, {last.Processor}, DPDK {last.Dpdk}", Faint));
        for (double tick = 0; tick <= largest; tick += 0.5)
        {
            svg.Add(Line(X(tick), Top - 6, X(tick), bottom, tick == 1 ? Ink : "#ddd", tick == 1 ? 1.5 : 1));
            svg.Add(Text(X(tick), Top - 10, Number(tick, "F1"), tick == 1 ? Ink : Faint, "middle"));
        }

        foreach ((int index, (string name, PairedRatio? ratio)) in rows.Index())
        {
            int top = Top + (index * RowHeight);
            svg.Add(ratio is null ? Text(16, top + RowHeight - 5, name, Ink, size: 14) : Row(top, name, ratio, X));
        }

        svg.Add(Line(X(1), Top - 6, X(1), bottom, Ink, 1.5));
        svg.Add(Text(X(1), bottom + 18, "equal", Ink, "middle"));
        return svg;
    }

    private static XElement Row(int top, string name, PairedRatio ratio, Func<double, double> x)
    {
        int middle = top + (RowHeight / 2);
        XElement row = new(s_svg + "g", Text(Left - 10, middle + 4, $"{name}: {ratio.Of} / {ratio.To}", Ink, "end"));
        if (ratio is { Median: { } median, LowerQuartile: { } lower, UpperQuartile: { } upper })
        {
            row.Add(Rectangle(Left, top + 3, x(median) - Left, RowHeight - 6, ratio.Target is not { } target ? Plain : median >= target ? Good : Short));
            row.Add(Line(x(lower), middle, x(upper), middle, Ink, 1));
            row.Add(Line(x(lower), middle - 3, x(lower), middle + 3, Ink, 1));
            row.Add(Line(x(upper), middle - 3, x(upper), middle + 3, Ink, 1));
        }

        if (ratio.Target is { } wanted)
        {
            string X(double shift) => Number(x(wanted) + shift, "F1");
            string triangle = $"M{X(0)} {top + 9} L{X(-4)} {top + 1} L{X(4)} {top + 1} Z";
            row.Add(new XElement(s_svg + "path", new XAttribute("d", triangle), new XAttribute("fill", "#b00020")));
        }

        row.Add(Text(Right + 12, middle + 4, $"{Part(ratio.Median, ratio.N)} · near {Part(ratio.Near, ratio.NearN)} · far {Part(ratio.Far, ratio.FarN)}", Ink));
        return row;
    }

    private static string Part(double? ratio, int n) => n == 0 ? "–" : $"{Number(ratio, "F2")} (n {Number(n, "F0")})";

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";

    private static XElement Text(double x, double y, string text, string colour, string anchor = "start", int size = 12) => new(
        s_svg + "text",
        new XAttribute("x", Number(x, "F1")),
        new XAttribute("y", Number(y, "F1")),
        new XAttribute("fill", colour),
        new XAttribute("text-anchor", anchor),
        new XAttribute("font-size", size),
        text);

    private static XElement Line(double x1, double y1, double x2, double y2, string colour, double width) => new(
        s_svg + "line",
        new XAttribute("x1", Number(x1, "F1")),
        new XAttribute("y1", Number(y1, "F1")),
        new XAttribute("x2", Number(x2, "F1")),
        new XAttribute("y2", Number(y2, "F1")),
        new XAttribute("stroke", colour),
        new XAttribute("stroke-width", Number(width, "F1")));

    private static XElement Rectangle(double x, double y, double width, double height, string colour) => new(
        s_svg + "rect",
        new XAttribute("x", Number(x, "F1")),
        new XAttribute("y", Number(y, "F1")),
        new XAttribute("width", Number(Math.Max(width, 0), "F1")),
        new XAttribute("height", Number(height, "F1")),
        new XAttribute("fill", colour));
}
