using System.Buffers;
using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Configuration.Ports;

namespace VhostNet.Daemon.Cli;

/// <summary>
/// The value of --uplink, which is the quick form of a port: <c>KIND[:VALUE][,KEY=VALUE]…</c>, as in <c>tap:tap0,bridge=br0</c>. It is read by the same code as
/// the configuration file, so every key of the file can be used here, in the file's spelling or with hyphens; a key that takes a list may be repeated.
/// </summary>
internal static class UplinkSpec
{
    /// <summary>Reads the quick form of a port.</summary>
    /// <exception cref="RefusalException">It is wrong.</exception>
    public static PortOptions Parse(string text, string name)
    {
        int colon = text.IndexOfAny([':', ',']);
        string kindName = colon < 0 ? text : text[..colon];
        string path = $"--uplink {text}";
        PortKind kind = PortKinds.Find(kindName)
            ?? throw new RefusalException(
                RefusalKind.Wrong, $"{path}: \"{kindName}\" is unknown; {Suggestion.Clause(kindName, ["hairpin", .. PortKinds.Names])}");
        using JsonDocument keys = JsonDocument.Parse(ToJson(kind, colon < 0 ? string.Empty : text[(colon + 1)..], path));
        var section = ConfigSection.OfTexts(keys.RootElement, path);
        var port = new PortOptions(name, kindName) { Path = path, KindOptions = kind.Read(section) };
        section.End();
        return port;
    }

    private static ReadOnlyMemory<byte> ToJson(PortKind kind, string text, string path)
    {
        var values = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        string[] parts = text.Length == 0 ? [] : text.Split(',');
        for (int i = 0; i < parts.Length; i++)
        {
            int equals = parts[i].IndexOf('=', StringComparison.Ordinal);
            string key = equals > 0 ? ToCamelCase(parts[i][..equals])
                : i == 0 && equals < 0 && kind.MainKey is not null ? kind.MainKey
                : throw new ConfigException(path, $"\"{parts[i]}\" stands where KEY=VALUE is expected");
            if (!values.TryGetValue(key, out List<string>? list))
            {
                values[key] = list = [];
            }

            list.Add(parts[i][(equals + 1)..]);
        }

        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            Write(writer, values);
        }

        return json.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter writer, SortedDictionary<string, List<string>> values)
    {
        writer.WriteStartObject();
        foreach ((string key, List<string> list) in values)
        {
            writer.WritePropertyName(key);
            if (list.Count == 1)
            {
                writer.WriteStringValue(list[0]);
                continue;
            }

            writer.WriteStartArray();
            list.ForEach(writer.WriteStringValue);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static string ToCamelCase(string key)
    {
        string[] words = key.Split('-');
        return string.Concat(words.Select((w, i) => i == 0 || w.Length == 0 ? w : char.ToUpperInvariant(w[0]) + w[1..]));
    }
}
