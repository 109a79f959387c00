using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Tests.Refusals;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Configuration;

/// <summary>The schema says of a document what the readers say, as far as a schema can.</summary>
public sealed partial class ConfigSchemaTests
{
    // What takes a look at other keys, at the meaning of a text or at the machine: parts of the sentences that the daemon refuses it with.
    private static readonly string[] s_beyond =
    [
        "so there is nothing to do", "it has to be unique", "there is no network", "there is no thread", "the switch has no port", "a wire joins two", "a hairpin takes one",
        "of no use without a control socket", "is the name of the daemon's own thread", "belongs to \"mode\"", "applies to", "is not among them", "is an alternative to",
        "more than half of the", "can't be a name", "the kernel allows 107", "is no file mode", "is no place to listen at", "is no address of a collector", "stands where a MAC address",
        "stands where an IP address", "stands where an address", "is not LOCAL-REMOTE", "name servers", "be a label", "a label that series have", "that a label may have", "one label too many", "lies outside the responder's network",
    ];

    [Fact]
    public void TheShippedFileIsWhatTheProgramPrints() =>
        Assert.Equal(File.ReadAllText(Path.Combine(Repository.Root, "deploy", "schema", "vhostnetd.schema.json")), ConfigSchema.Text);

    [Fact]
    public async Task WhatIsRightIsRight()
    {
        string[] files = Directory.GetFiles(Path.Combine(Repository.Root, "deploy", "examples"), "*.json");
        JsonNode?[] documents = [.. files.Select(f => SchemaCheck.Parse(File.ReadAllText(f))), SchemaCheck.Parse(ConfigReaderTests.Everything), JsonNode.Parse("""{"ports": [], "log": null}""")];
        Assert.All(await SchemaCheck.ErrorsAsync(ConfigSchema.Text, documents), Assert.Empty);
        Assert.All(documents[..files.Length], d => Assert.NotNull(d!["$schema"]));
    }

    /// <summary>Every document that the daemon refuses is refused, unless a schema can't know; and its twin, without the mistake, is not.</summary>
    [Fact]
    public async Task EveryRefusalIsOneAndItsTwinIsNone()
    {
        (string Text, JsonNode? Document)[] rows = [.. ConfigurationRefusals.All.Where(IsDocument).Select(r => (r.Text["{d}/c.json: ".Length..], SchemaCheck.Parse(r.Arguments[0])))];
        Assert.InRange(rows.Length, 50, 500);
        string[][] errors = await SchemaCheck.ErrorsAsync(ConfigSchema.Text, rows.Select(r => r.Document));
        Assert.Empty(rows.Where((r, i) => errors[i].Length == 0 && !s_beyond.Any(b => r.Text.Contains(b, StringComparison.Ordinal))).Select(r => r.Text));

        JsonNode?[] twins = [.. rows.Select(r => Twin(r.Text, r.Document!))];
        string[][] left = await SchemaCheck.ErrorsAsync(ConfigSchema.Text, twins);
        Assert.Empty(rows.Select((r, i) => $"{r.Text}\n  {twins[i]!.ToJsonString()}\n  {string.Join("; ", left[i])}").Where((_, i) => left[i].Length > 0));
    }

    /// <summary>A key that only a reader of one kind knows is none for another kind.</summary>
    [Fact]
    public async Task KeysBelongToTheirKind()
    {
        string[] wrong =
        [
            """{"ports": [{"name": "a", "kind": "null", "frameSize": 60}]}""", """{"networks": [{"name": "a", "kind": "wire", "ageingSeconds": 5}]}""",
            """{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/s", "fd": 3}}]}""", """{"ports": [{"name": "a", "kind": "pcap"}]}""",
            """{"log": {"sources": {"VhostNet": "loud"}}}""", """{"ports": [{"kind": "null"}]}""",
        ];
        Assert.All(await SchemaCheck.ErrorsAsync(ConfigSchema.Text, wrong.Select(w => JsonNode.Parse(w))), Assert.NotEmpty);
    }

    private static bool IsDocument(Refusal refusal)
    {
        try
        {
            return refusal.Arguments is [['{', ..]] && refusal.Text.StartsWith("{d}/c.json: ", StringComparison.Ordinal) && !refusal.Text.Contains("surrogate", StringComparison.Ordinal)
                && !refusal.Text.Contains("zero byte", StringComparison.Ordinal) && SchemaCheck.Parse(refusal.Arguments[0]) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // The document with the key that the sentence names made right: added when it is missing, taken away otherwise.
    private static JsonNode Twin(string text, JsonNode document)
    {
        JsonNode root = document.DeepClone();
        string[] path = [.. Step().Matches(text.Split(": ")[0]).Select(m => m.Value.Trim('.', '[', ']'))];
        JsonNode parent = root;
        foreach (string step in path[..^1])
        {
            parent = (int.TryParse(step, out int index) ? parent[index] : parent[step])!;
        }

        string key = path[^1];
        if (text.Contains("is missing", StringComparison.Ordinal) || text.Contains("either \"path\" or", StringComparison.Ordinal))
        {
            parent[key] = key switch
            {
                "kind" => parent["mtu"] is null ? "switch" : "null",
                "socket" => new JsonObject { ["path"] = "/s" },
                "mode" => "0660",
                _ => "x",
            };
            _ = root["networks"] is null && key == "kind" ? parent["kind"] = "null" : null;
        }
        else if (parent is JsonArray list)
        {
            list.RemoveAt(int.Parse(key, System.Globalization.CultureInfo.InvariantCulture));
        }
        else if (key is "name" or "kind")
        {
            parent[key] = key == "name" ? "fine" : "null";
        }
        else if (key is "path" or "endpoint" or "addresses" or "address" or "interface")
        {
            parent[key] = "/s";
        }
        else
        {
            parent.AsObject().Remove(key);
        }

        return root;
    }

    [GeneratedRegex(@"[^.\[\]]+")]
    private static partial Regex Step();
}
