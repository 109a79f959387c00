using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Configuration;

/// <summary>Validates documents by a JSON schema, with a program that is not ours: Debian's python3-jsonschema.</summary>
internal static class SchemaCheck
{
    private const string Script = """
        import json, sys, jsonschema
        request = json.load(sys.stdin)
        kind = jsonschema.Draft202012Validator
        kind.check_schema(request["schema"])
        validator = kind(request["schema"])
        json.dump([[e.json_path + ": " + e.message for e in validator.iter_errors(d)] for d in request["documents"]], sys.stdout)
        """;

    /// <summary>What is wrong with each document; nothing for one that is right.</summary>
    public static async Task<string[][]> ErrorsAsync(string schema, IEnumerable<JsonNode?> documents)
    {
        var request = new JsonObject { ["schema"] = JsonNode.Parse(schema), ["documents"] = new JsonArray([.. documents.Select(d => d?.DeepClone())]) };
        var start = new ProcessStartInfo("python3", ["-c", Script]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = System.Diagnostics.Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        await process.StandardInput.WriteAsync(request.ToJsonString());
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        return JsonSerializer.Deserialize<string[][]>(await output)!;
    }

    /// <summary>A text of the configuration as a document, without its comments.</summary>
    public static JsonNode? Parse(string text) =>
        JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { CommentHandling = ConfigReader.Json.CommentHandling, AllowTrailingCommas = true });
}
