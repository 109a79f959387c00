using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace VhostNet.Latency;

/// <summary>Prints tables, which are Markdown at the same time, and keeps their figures for a JSON file.</summary>
internal sealed class Report(TextWriter output)
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly JsonObject _tables = [];
    private string[] _columns = [];
    private JsonArray _rows = [];

    /// <summary>Targets that were missed.</summary>
    public int Missed { get; private set; }

    /// <summary>Begins a table.</summary>
    public void Begin(string name, params string[] columns)
    {
        _columns = columns;
        _rows = [];
        _tables[name] = _rows;
        output.WriteLine();
        output.WriteLine($"## {name}");
        output.WriteLine();
        output.WriteLine($"| {string.Join(" | ", columns)} |");
        output.WriteLine($"| --- |{string.Concat(Enumerable.Repeat(" ---: |", columns.Length - 1))}");
        output.Flush();
    }

    /// <summary>Adds a row of texts and numbers, one for each column.</summary>
    public void Add(params object[] values)
    {
        var row = new JsonObject();
        for (int i = 0; i < values.Length; i++)
        {
            row[_columns[i]] = values[i] is double number ? double.IsNaN(number) ? null : Math.Round(number, 4) : JsonValue.Create(values[i].ToString());
        }

        _rows.Add(row);
        output.WriteLine($"| {string.Join(" | ", values.Select(Text))} |");
        output.Flush();
    }

    /// <summary>Says whether a target was met.</summary>
    public string Judge(bool met, string target)
    {
        Missed += met ? 0 : 1;
        return $"{(met ? "met" : "MISSED")} ({target})";
    }

    /// <summary>Writes all tables as JSON.</summary>
    public void Write(string path) => File.WriteAllText(path, _tables.ToJsonString(s_json) + "\n");

    private static string Text(object value) => value switch
    {
        double.NaN => "-",
        double number => number.ToString(Math.Abs(number) >= 100 ? "N0" : Math.Abs(number) >= 1 ? "F2" : "F3", CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
