using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>The JSON objects of change requests.</summary>
internal static class LiveDocument
{
    /// <summary>An object with its name in it, which a request states in its address.</summary>
    /// <exception cref="ConfigException">It is no object, or has another name.</exception>
    public static JsonElement Named(JsonElement body, string name, string path)
    {
        CheckSame(body, "name", name, path);
        var named = new JsonObject { ["name"] = name };
        foreach (JsonProperty property in body.EnumerateObject().Where(p => p.Name != "name"))
        {
            named[property.Name] = Node(property.Value);
        }

        return Element(named);
    }

    /// <summary>An object changed by a merge patch (RFC 7396): keys get new values, null removes them, objects are merged.</summary>
    public static JsonElement Merge(JsonElement target, JsonElement patch)
    {
        JsonObject result = JsonObject.Create(target.Clone())!;
        Merge(result, patch);
        return Element(result);
    }

    /// <summary>An object that says nothing but what something is.</summary>
    public static JsonElement Minimal(params (string Key, string? Value)[] values)
    {
        var result = new JsonObject();
        foreach ((string key, string? value) in values.Where(v => v.Value is not null))
        {
            result[key] = value;
        }

        return Element(result);
    }

    /// <summary>True when a key has the same value in two objects; null counts as missing.</summary>
    public static bool SameValue(JsonElement a, JsonElement b, string key) => (Find(a, key), Find(b, key)) switch
    {
        (null, null) => true,
        ({ } x, { } y) => JsonElement.DeepEquals(x, y),
        _ => false,
    };

    /// <summary>An object with some of its keys as another one has them: with the other's values, or without them where it has none.</summary>
    /// <param name="target">The object.</param>
    /// <param name="source">The other; nothing at all counts as empty.</param>
    /// <param name="keys">The keys.</param>
    public static JsonElement WithKeys(JsonElement target, JsonElement source, IReadOnlyCollection<string> keys)
    {
        JsonObject result = JsonObject.Create(target.Clone())!;
        foreach (string key in keys)
        {
            result.Remove(key);
            if (source.ValueKind == JsonValueKind.Object && Find(source, key) is { } value)
            {
                result[key] = Node(value);
            }
        }

        return Element(result);
    }

    /// <summary>The keys that have different values in two objects; null counts as missing.</summary>
    public static IReadOnlyList<string> DifferentKeys(JsonElement a, JsonElement b) =>
        [.. a.EnumerateObject().Concat(b.EnumerateObject()).Select(p => p.Name).Distinct().Where(k => !SameValue(a, b, k))];

    /// <summary>Refuses a change of keys that only a new port or network can have.</summary>
    /// <exception cref="RefusalException">A key other than <paramref name="live"/> has another value.</exception>
    public static void CheckFixed(JsonElement before, JsonElement after, IReadOnlyCollection<string> live, string path, string address)
    {
        foreach (string key in before.EnumerateObject().Concat(after.EnumerateObject()).Select(p => p.Name).Where(k => k != "name" && !live.Contains(k)))
        {
            if (!SameValue(before, after, key))
            {
                string now = Find(before, key) is { } value ? $"it is {ConfigSection.Describe(value)}" : "it is not set";
                throw new RefusalException(
                    RefusalKind.Conflict,
                    $"{path}.{key}: can't be changed while it runs ({now}), only {string.Join(", ", live)} can; to have it otherwise, DELETE {address} " +
                        "and PUT it again");
            }
        }
    }

    /// <summary>Checks that a key, if an object has it, has the value that it must have.</summary>
    public static void CheckSame(JsonElement body, string key, string value, string path)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            throw new ConfigException(path, $"{ConfigSection.Describe(body)} stands where an object {{…}} is expected");
        }

        if (Find(body, key) is { } given && !(given.ValueKind == JsonValueKind.String && given.ValueEquals(value)))
        {
            throw new ConfigException($"{path}.{key}", $"{ConfigSection.Describe(given)} stands where \"{value}\" is expected; leave it out");
        }
    }

    /// <summary>A key's value, or null when it is missing or null.</summary>
    public static JsonElement? Find(JsonElement element, string key) =>
        element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static void Merge(JsonObject target, JsonElement patch)
    {
        foreach (JsonProperty property in patch.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.Null)
            {
                target.Remove(property.Name);
            }
            else if (property.Value.ValueKind != JsonValueKind.Object)
            {
                target[property.Name] = Node(property.Value);
            }
            else
            {
                if (target[property.Name] is not JsonObject)
                {
                    target[property.Name] = new JsonObject();
                }

                Merge((JsonObject)target[property.Name]!, property.Value);
            }
        }
    }

    private static JsonNode? Node(JsonElement value) => JsonNode.Parse(value.GetRawText(), null, ConfigReader.Json);

    private static JsonElement Element(JsonObject value)
    {
        using JsonDocument document = JsonDocument.Parse(value.ToJsonString());
        return document.RootElement.Clone();
    }
}
