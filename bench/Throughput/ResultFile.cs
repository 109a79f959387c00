using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostNet.Throughput;

/// <summary>Everything that was measured, as it is kept in a file.</summary>
/// <param name="Runs">The runs that the cases come from.</param>
/// <param name="Cases">The cases.</param>
internal sealed record ResultFile(IReadOnlyList<RunDescription> Runs, IReadOnlyList<CaseResult> Cases)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="UsageException">It is missing, or not of this program.</exception>
    public static async Task<ResultFile> ReadAsync(string path)
    {
        try
        {
            await using FileStream file = File.OpenRead(path);
            return await JsonSerializer.DeserializeAsync<ResultFile>(file, s_json) is { Runs: not null, Cases: not null } results
                ? results
                : throw new UsageException($"{path} has no runs and cases");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new UsageException($"{path} can't be read: {e.Message}");
        }
    }

    /// <summary>Writes the file, and its directory if that is missing.</summary>
    public async Task WriteAsync(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        await using FileStream file = File.Create(path);
        await JsonSerializer.SerializeAsync(file, this, s_json);
    }

    /// <summary>With a further case, in place of an earlier one of the same name; runs without cases are dropped.</summary>
    public ResultFile With(RunDescription run, CaseResult result)
    {
        List<CaseResult> cases = [.. Cases.Where(c => c.Name != result.Name), result];
        List<string> order = [.. Matrix.All.Select(static c => c.Name)];
        cases = [.. cases.OrderBy(c => order.IndexOf(c.Name) is >= 0 and var place ? place : int.MaxValue)];
        return new ResultFile([.. Runs.Where(r => r.Date != run.Date && cases.Any(c => c.Run == r.Date)), run], cases);
    }
}
