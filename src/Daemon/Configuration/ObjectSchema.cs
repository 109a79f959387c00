using System.Text.Json.Nodes;

namespace VhostNet.Daemon.Configuration;

/// <summary>
/// The JSON schema of one object of the configuration, written down while readers ask a <see cref="ConfigSection"/> for its keys. A key that may be left out
/// may as well be null, because that counts as missing.
/// </summary>
internal sealed class ObjectSchema
{
    /// <summary>Stands for a key that may have any name.</summary>
    public const string AnyKey = "*";

    private const string Example = "for example ";

    private readonly JsonObject _properties = [];
    private readonly SortedSet<string> _required = new(StringComparer.Ordinal);
    private readonly JsonArray _rules = [];
    private readonly Dictionary<string, ObjectSchema> _objects = new(StringComparer.Ordinal);

    /// <summary>The keys that were asked for.</summary>
    public IEnumerable<string> Keys => _properties.Select(p => p.Key);

    /// <summary>A text.</summary>
    public void Text(string key) => Add(key, new JsonObject { ["type"] = "string", ["minLength"] = 1 });

    /// <summary>A text that has to be there.</summary>
    /// <returns>One that a reader can go on with: the example in its meaning, or an arbitrary one.</returns>
    public string Required(string key, string meaning)
    {
        Meaning(key, meaning);
        Require(key);
        int example = meaning.IndexOf(Example, StringComparison.Ordinal);
        return example < 0 ? "x" : meaning[(example + Example.Length)..].Split(' ')[0];
    }

    /// <summary>A key has to be there.</summary>
    public void Require(string key) => _required.Add(key);

    /// <summary>What a key's value means.</summary>
    public void Meaning(string key, string meaning) => Property(key)["description"] = meaning.TrimEnd(',');

    /// <summary>True or false.</summary>
    public void Switch(string key) => Add(key, new JsonObject { ["type"] = "boolean" });

    /// <summary>A whole number.</summary>
    public void Number(string key, long min, long max) => Add(key, WholeNumber(min, max));

    /// <summary>Any number.</summary>
    public void Real(string key, double min, double max) => Add(key, new JsonObject { ["type"] = "number", ["minimum"] = min, ["maximum"] = max });

    /// <summary>One of some words.</summary>
    public void Choice(string key, IEnumerable<string> words) => Property(key)["enum"] = new JsonArray([.. words.Select(w => (JsonNode)JsonValue.Create(w))]);

    /// <summary>A list of texts, or one of them.</summary>
    public void Texts(string key) => Add(key, OneOrMany(new JsonObject { ["type"] = "string" }));

    /// <summary>A list of whole numbers, or one of them.</summary>
    public void Numbers(string key, long min, long max) => Add(key, OneOrMany(WholeNumber(min, max)));

    /// <summary>A list of objects, which are described elsewhere.</summary>
    public void List(string key) => Add(key, new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = $"#/$defs/{key}" } });

    /// <summary>An object.</summary>
    /// <returns>Where its keys are written down.</returns>
    public ObjectSchema Object(string key)
    {
        Add(key, []);
        if (!_objects.TryGetValue(key, out ObjectSchema? schema))
        {
            _objects[key] = schema = new ObjectSchema();
        }

        return schema;
    }

    /// <summary>One of some keys has to be there, and no other of them.</summary>
    public void RequireOne(string[] keys) => AddRule("oneOf", keys);

    /// <summary>One of some keys has to be there.</summary>
    public void RequireAny(string[] keys) => AddRule("anyOf", keys);

    /// <summary>The schema as JSON.</summary>
    public JsonObject ToJson()
    {
        var properties = new JsonObject();
        JsonNode rest = JsonValue.Create(false);
        foreach ((string key, JsonNode? value) in _properties)
        {
            JsonObject property = _objects.TryGetValue(key, out ObjectSchema? inner) ? inner.ToJson() : value!.DeepClone().AsObject();
            if (!_required.Contains(key))
            {
                AllowNull(property);
            }

            if (key == AnyKey)
            {
                rest = property;
            }
            else
            {
                properties[key] = property;
            }
        }

        var json = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = rest };
        if (_required.Count > 0)
        {
            json["required"] = new JsonArray([.. _required.Select(k => (JsonNode)JsonValue.Create(k))]);
        }

        if (_rules.Count > 0)
        {
            json["allOf"] = _rules.DeepClone();
        }

        return json;
    }

    private static JsonObject WholeNumber(long min, long max) => new() { ["type"] = "integer", ["minimum"] = min, ["maximum"] = max };

    private static JsonObject OneOrMany(JsonObject one) => new()
    {
        ["anyOf"] = new JsonArray(one.DeepClone(), new JsonObject { ["type"] = "array", ["items"] = one }),
    };

    private static void AllowNull(JsonObject property)
    {
        if (property["enum"] is JsonArray words)
        {
            words.Add(null);
        }

        if (property["type"] is JsonValue type)
        {
            property["type"] = new JsonArray(type.DeepClone(), JsonValue.Create("null"));
        }
        else if (property["anyOf"] is JsonArray kinds)
        {
            kinds.Add((JsonNode)new JsonObject { ["type"] = "null" });
        }
    }

    private void Add(string key, JsonObject schema) => _properties.TryAdd(key, schema);

    private JsonObject Property(string key)
    {
        Text(key);
        return _properties[key]!.AsObject();
    }

    private void AddRule(string word, string[] keys)
    {
        IEnumerable<JsonNode> rules = keys.Select(k => new JsonObject { ["required"] = new JsonArray(JsonValue.Create(k)) });
        _rules.Add((JsonNode)new JsonObject { [word] = new JsonArray([.. rules]) });
    }
}
