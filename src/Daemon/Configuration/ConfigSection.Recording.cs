using System.Text.Json;

namespace VhostNet.Daemon.Configuration;

/// <content>
/// A section that stands for all that could be written in its place: readers go through it as through any other, and what they ask for becomes the schema. It
/// holds nothing but what decides which way a reader goes.
/// </content>
internal sealed partial class ConfigSection
{
    private ObjectSchema? _schema;

    /// <summary>Makes a section whose readers write a schema.</summary>
    /// <param name="schema">Where it is written to.</param>
    /// <param name="given">A JSON object with the values that decide which way a reader goes.</param>
    public static ConfigSection Record(ObjectSchema schema, string given = "{}")
    {
        using JsonDocument document = JsonDocument.Parse(given);
        return new ConfigSection(document.RootElement.Clone(), string.Empty, null) { _schema = schema };
    }

    /// <summary>An object that has to be there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="reason">Why, with an example, as the end of a sentence.</param>
    public ConfigSection RequiredSection(string key, string reason)
    {
        ConfigSection? section = Section(key);
        _schema?.Require(key);
        return section ?? throw Error(key, $"is missing; {reason}");
    }

    /// <summary>One of some words, which has to be there.</summary>
    public string RequiredChoice(string key, params string[] words)
    {
        string? word = Choice(key, words);
        _schema?.Require(key);
        return word ?? throw Error(key, $"is missing; it is one of {string.Join(", ", words)}");
    }

    /// <summary>Whether one of some keys is there, and no other of them.</summary>
    public bool HasOne(params string[] keys)
    {
        _schema?.RequireOne(keys);
        return keys.Count(Has) == 1;
    }

    /// <summary>Whether one of some keys is there, or several.</summary>
    public bool HasAny(params string[] keys)
    {
        _schema?.RequireAny(keys);
        return keys.Any(Has);
    }

    // What is inside is read like anything else; what is given of it decides there, too.
    private ConfigSection Recorded(string key)
    {
        TryGet(key, out JsonElement value);
        return Record(_schema!.Object(key), value.ValueKind == JsonValueKind.Object ? value.GetRawText() : "{}");
    }
}
