using System.Text.Json;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Where one value stands in the text of a configuration, and what it consists of.</summary>
/// <param name="Start">First byte of the value, or of the key before it.</param>
/// <param name="ValueStart">First byte of the value.</param>
/// <param name="End">The byte after the value.</param>
/// <param name="Key">The key, in an object; otherwise null.</param>
/// <param name="Items">An object's or a list's parts; empty for other values.</param>
internal sealed record ConfigNode(int Start, int ValueStart, int End, string? Key, IReadOnlyList<ConfigNode> Items)
{
    /// <summary>Finds all values of a text.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static ConfigNode Parse(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(
            text, new JsonReaderOptions { CommentHandling = ConfigReader.Json.CommentHandling, AllowTrailingCommas = ConfigReader.Json.AllowTrailingCommas });
        reader.Read();
        return Read(ref reader, null, (int)reader.TokenStartIndex);
    }

    /// <summary>An object's value for a key, or null.</summary>
    public ConfigNode? Find(string key) => Items.FirstOrDefault(i => i.Key == key);

    private static ConfigNode Read(ref Utf8JsonReader reader, string? key, int start)
    {
        int valueStart = (int)reader.TokenStartIndex;
        var items = new List<ConfigNode>();
        if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                int itemStart = (int)reader.TokenStartIndex;
                string? itemKey = null;
                if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    itemKey = reader.GetString();
                    reader.Read();
                }

                items.Add(Read(ref reader, itemKey, itemStart));
            }
        }

        return new ConfigNode(start, valueStart, (int)reader.BytesConsumed, key, items);
    }
}
