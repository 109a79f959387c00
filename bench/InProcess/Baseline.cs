using System.Text.Json;
using System.Text.Json.Nodes;

namespace VhostNet.InProcess;

/// <summary>The ratios of an earlier run, which a later one is compared with, on this or another machine.</summary>
internal sealed class Baseline
{
    private readonly Dictionary<string, double> _ratios = new(StringComparer.Ordinal);

    /// <summary>How much higher than the baseline a ratio may be, as a share of it.</summary>
    public double Tolerance { get; private init; }

    /// <summary>Reads a baseline.</summary>
    /// <exception cref="FormatException">The file is not one.</exception>
    public static Baseline Read(string path)
    {
        try
        {
            JsonObject root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            var baseline = new Baseline { Tolerance = root["tolerance"]!.GetValue<double>() };
            foreach ((string name, JsonNode? value) in root["cases"]!.AsObject())
            {
                baseline._ratios[name] = value!["ratio"]!.GetValue<double>();
            }

            return baseline;
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException)
        {
            throw new FormatException($"{path} is no baseline: an object with \"tolerance\" and \"cases\", as --save writes it, is expected", e);
        }
    }

    /// <summary>Writes a baseline, which is also the bench's result file.</summary>
    public static void Write(string path, IEnumerable<BenchRow> rows, double tolerance)
    {
        var cases = new JsonObject();
        foreach (BenchRow row in rows)
        {
            cases[row.Name] = new JsonObject
            {
                ["ratio"] = Math.Round(row.Ratio, 3),
                ["reference"] = row.Reference,
                ["ns"] = Math.Round(row.Ns, 1),
                ["referenceNs"] = Math.Round(row.ReferenceNs, 1),
                ["samples"] = row.Samples,
                ["target"] = row.Verdict,
                ["note"] = row.Note,
            };
        }

        var root = new JsonObject { ["tolerance"] = tolerance, ["cases"] = cases };
        File.WriteAllText(path, root.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
    }

    /// <summary>The earlier ratio of a case, or null when the case is new.</summary>
    public double? Ratio(string name) => _ratios.TryGetValue(name, out double ratio) ? ratio : null;

    /// <summary>True when a row is worse than the tolerance allows. A case that the baseline does not know is no regression.</summary>
    public bool IsRegression(BenchRow row) => Ratio(row.Name) is { } earlier && row.Ratio > earlier * (1 + Tolerance);

    /// <summary>Cases that the baseline knows and the bench does not have any more.</summary>
    public IEnumerable<string> Lost(IEnumerable<BenchCase> cases) => _ratios.Keys.Except(cases.Select(c => c.Name));
}
