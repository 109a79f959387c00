using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace VhostNet.Daemon.Configuration;

/// <summary>
/// How JSON is written, and what it may not hold when it is read. Refused are, once and for the whole document, names and texts that JSON can write and nothing
/// behind it can take: a zero byte, which ends a string for the kernel, and half of a surrogate pair, which is no text at all.
/// </summary>
internal static class JsonTexts
{
    /// <summary>How JSON is written: indented, for people who read it; names and paths as they are.</summary>
    public static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string HalfPair = "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; write the character itself";

    /// <summary>Parses a document and looks at every name and text in it.</summary>
    /// <param name="parse">The parser, which itself trips over a key that is no text.</param>
    /// <exception cref="ConfigException">One of them is of that kind.</exception>
    public static JsonDocument Parse(Func<JsonDocument> parse)
    {
        JsonDocument document;
        try
        {
            document = parse();
        }
        catch (InvalidOperationException)
        {
            throw new ConfigException(string.Empty, $"a key {HalfPair}");
        }

        try
        {
            Check(document.RootElement);
            return document;
        }
        catch
        {
            document.Dispose();
            throw;
        }
    }

    /// <summary>Looks at every name and text.</summary>
    /// <param name="element">The document.</param>
    /// <param name="path">What error texts call it; empty for the document itself.</param>
    /// <exception cref="ConfigException">One of them is of that kind.</exception>
    private static void Check(JsonElement element, string path = "")
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    string name = Read(() => property.Name, path, "a key of this object");
                    Check(property.Value, path.Length == 0 ? name : $"{path}.{name}");
                }

                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray())
                {
                    Check(item, $"{path}[{index++.ToString(CultureInfo.InvariantCulture)}]");
                }

                break;
            case JsonValueKind.String:
                Read(() => element.GetString()!, path, "the text");
                break;
            default:
                break;
        }
    }

    private static string Read(Func<string> read, string path, string what)
    {
        string text;
        try
        {
            text = read();
        }
        catch (InvalidOperationException)
        {
            throw new ConfigException(path, $"{what} {HalfPair}");
        }

        int zero = text.IndexOf('\0', StringComparison.Ordinal);
        return zero < 0
            ? text
            : throw new ConfigException(
                path, $"{what} holds a zero byte (\\u0000) after {zero} characters, where the kernel would take it to end; leave the zero byte out");
    }
}
