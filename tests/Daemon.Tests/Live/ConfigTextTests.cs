using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Live;

public sealed class ConfigTextTests
{
    private const string Text = """
        {
          // Who is there.
          "networks": [{"name": "net", "kind": "wire"}],
          "ports": [
            {
              "name": "a", /* the first */ "kind": "null", // stays
              "limits": {"in": {"framesPerSecond": 5}},
            },
            // The second one.
            {"name": "b", "kind": "null"}, {"name": "c", "kind": "null"},
          ],
        }
        """;

    [Fact]
    public void OnlyTheKeysThatDifferAreTouched() => Assert.Equal(
        Text.Replace("""{"in": {"framesPerSecond": 5}},""", "{\n        \"out\": {\n          \"framesPerSecond\": 7\n        }\n      },\n      \"network\": \"net\",", StringComparison.Ordinal)
            .Replace("\"net\",,", "\"net\",", StringComparison.Ordinal),
        Edit(Text, "ports", "a", """{"name": "a", "kind": "null", "limits": {"out": {"framesPerSecond": 7}}, "network": "net"}"""));

    [Fact]
    public void WhatIsNewStandsBehindTheLast() => Assert.Equal(
        Text.Replace("""{"name": "c", "kind": "null"},""", "{\"name\": \"c\", \"kind\": \"null\"}, {\n      \"name\": \"d\",\n      \"kind\": \"null\"\n    },", StringComparison.Ordinal),
        Edit(Text, "ports", "d", """{"name": "d", "kind": "null"}"""));

    [Theory]
    [InlineData("a", "{\n      \"name\": \"a\", /* the first */ \"kind\": \"null\", // stays\n      \"limits\": {\"in\": {\"framesPerSecond\": 5}},\n    },\n    ")]
    [InlineData("b", "{\"name\": \"b\", \"kind\": \"null\"}, ")]
    [InlineData("c", " {\"name\": \"c\", \"kind\": \"null\"},")]
    [InlineData("nobody", "")]
    public void WhatIsRemovedLeavesTheRest(string name, string gone)
    {
        string after = Edit(Text, "ports", name, null);
        Assert.Equal(Squeeze(gone.Length == 0 ? Text : Text.Replace(gone, string.Empty, StringComparison.Ordinal)), Squeeze(after));
        Assert.Contains("// Who is there.", after, StringComparison.Ordinal);
        Assert.Contains("// The second one.", after, StringComparison.Ordinal);
    }

    [Fact]
    public void AListThatIsMissingIsAdded()
    {
        string after = Edit("""{"control": {"path": "/run/c"}}""", "ports", "a", """{"name": "a", "kind": "null"}""");
        Assert.Equal("a", Assert.Single(ConfigReader.Read(Encoding.UTF8.GetBytes(after)).Ports).Name);
        after = Edit("{}", "ports", "a", """{"name": "a", "kind": "null"}""");
        Assert.Equal("a", Assert.Single(ConfigReader.Read(Encoding.UTF8.GetBytes(after)).Ports).Name);
        Assert.Empty(ConfigReader.Read(Encoding.UTF8.GetBytes(Edit(after, "ports", "a", null))).Ports);
    }

    [Fact]
    public void AByteOrderMarkStays()
    {
        byte[] after = ConfigText.Edit([.. "\uFEFF"u8, .. "{\"ports\": []}"u8], new ConfigEdit("ports", "a", Parse("""{"name": "a", "kind": "null"}""")));
        Assert.True(after.AsSpan().StartsWith("\uFEFF"u8));
        Assert.Single(ConfigReader.Read(after).Ports);
    }

    /// <summary>Whatever is done to whatever layout, the text means what a model says, and no comment outside of what went is lost.</summary>
    [Fact]
    public void AnyEditsMeanWhatAModelSays()
    {
        var random = new Random(6);
        for (int round = 0; round < 500; round++)
        {
            var model = new JsonArray();
            string text = Layout(random, model);
            for (int edit = 0; edit < 8; edit++)
            {
                string name = $"p{random.Next(5)}";
                JsonNode? present = model.FirstOrDefault(e => (string?)e!["name"] == name);
                JsonObject? value = random.Next(3) == 0 ? null : Element(random, name);
                text = Edit(text, "ports", name, value?.ToJsonString());
                if (present is not null)
                {
                    model[model.IndexOf(present)] = value;
                }
                else if (value is not null)
                {
                    model.Add(value);
                }

                foreach (JsonNode? empty in model.Where(e => e is null).ToList())
                {
                    model.Remove(empty);
                }

                JsonNode actual = JsonNode.Parse(text, null, ConfigReader.Json)!;
                Assert.True(JsonNode.DeepEquals(model, actual["ports"]!), $"{text}\nis not\n{model}");
                Assert.Contains("/* head */", text, StringComparison.Ordinal);
                Assert.Contains("/* tail */", text, StringComparison.Ordinal);
            }
        }
    }

    private static string Layout(Random random, JsonArray model)
    {
        string[] between = ["", " ", "\n", "\n    ", " // , } ]\n", "/* , */", "\t"];
        string Gap() => between[random.Next(between.Length)];
        var text = new StringBuilder("{/* head */").Append(Gap()).Append("\"ports\" :").Append(Gap()).Append('[');
        int count = random.Next(4);
        for (int i = 0; i < count; i++)
        {
            JsonObject element = Element(random, $"p{i}");
            model.Add(element);
            text.Append(Gap()).Append(element.ToJsonString(new JsonSerializerOptions { WriteIndented = random.Next(2) == 0 })).Append(Gap());
            text.Append(i < count - 1 || random.Next(2) == 0 ? "," : string.Empty);
        }

        return text.Append(Gap()).Append(']').Append(Gap()).Append("/* tail */}").ToString();
    }

    private static JsonObject Element(Random random, string name)
    {
        var element = new JsonObject { ["name"] = name };
        foreach (string key in (string[])["x", "y", "z"])
        {
            if (random.Next(2) == 0)
            {
                element[key] = random.Next(3) switch { 0 => random.Next(5), 1 => new JsonArray(1, "a, ]"), _ => new JsonObject { ["in"] = "\"}{" } };
            }
        }

        return element;
    }

    private static string Edit(string text, string list, string name, string? value) =>
        Encoding.UTF8.GetString(ConfigText.Edit(Encoding.UTF8.GetBytes(text), new ConfigEdit(list, name, value is null ? null : Parse(value))));

    private static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private static string Squeeze(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
