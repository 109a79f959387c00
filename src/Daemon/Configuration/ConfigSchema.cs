using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Daemon.Configuration.Ports;

namespace VhostNet.Daemon.Configuration;

/// <summary>
/// The JSON schema of the configuration file, made by the readers themselves: each goes through a section that writes down what it is asked for. What only a
/// look at other keys or at the machine can tell (that a network is there, that a socket is unique) is left to the daemon.
/// </summary>
internal static class ConfigSchema
{
    /// <summary>The schema as text.</summary>
    public static string Text
    {
        get
        {
            using var stream = new MemoryStream();
            using (var writer = new Utf8JsonWriter(stream, JsonTexts.Indented))
            {
                Make().WriteTo(writer);
            }

            return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
        }
    }

    private static JsonObject Make()
    {
        var root = new ObjectSchema();
        ConfigReader.Read(ConfigSection.Record(root));
        JsonObject schema = root.ToJson();
        var definitions = new JsonObject
        {
            ["threads"] = Recorded("{}", ConfigReader.ReadThread),
            ["networks"] = ByKind(NetworkReader.Kinds, kind => Recorded($$"""{"kind": "{{kind}}"}""", NetworkReader.Read)),
            ["ports"] = ByKind([PortOptions.VhostUser, .. PortKinds.Names], Port),
        };
        var whole = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Configuration of vhostnetd",
        };
        foreach ((string key, JsonNode? value) in schema.ToList())
        {
            whole[key] = value!.DeepClone();
        }

        whole["$defs"] = definitions;
        return whole;
    }

    private static JsonObject Port(string kind) => Recorded($$"""{"kind": "{{kind}}", "socket": {"path": "/x"}, "replay": "/x"}""", PortReader.Read);

    private static JsonObject Recorded<T>(string given, Func<ConfigSection, T> read)
    {
        var schema = new ObjectSchema();
        read(ConfigSection.Record(schema, given));
        return schema.ToJson();
    }

    // The keys that an item may have depend on its kind.
    private static JsonObject ByKind(IEnumerable<string> kinds, Func<string, JsonObject> schemaOf)
    {
        string[] all = [.. kinds];
        var rules = new JsonArray();
        foreach (string kind in all)
        {
            rules.Add((JsonNode)new JsonObject
            {
                ["if"] = new JsonObject
                {
                    ["properties"] = new JsonObject { ["kind"] = new JsonObject { ["const"] = kind } },
                    ["required"] = new JsonArray("kind"),
                },
                ["then"] = schemaOf(kind),
            });
        }

        return new JsonObject
        {
            ["type"] = "object",
            ["required"] = new JsonArray("name", "kind"),
            ["properties"] = new JsonObject
            {
                ["kind"] = new JsonObject { ["enum"] = new JsonArray([.. all.Select(k => (JsonNode)JsonValue.Create(k))]) },
            },
            ["allOf"] = rules,
        };
    }
}
