using System.Buffers;
using System.Text;
using System.Text.Json;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// The text of a configuration while single values of it are changed: all other text, comments and the order of things stay as somebody wrote them.
/// </summary>
internal sealed class ConfigText
{
    private const int IndentStep = 2;
    private byte[] _text;

    private ConfigText(byte[] text) => _text = text;

    /// <summary>The text with an element made what it shall be. Of an element that is there only the keys that differ are touched.</summary>
    /// <exception cref="JsonException">The text is no JSON.</exception>
    public static byte[] Edit(byte[] text, ConfigEdit edit)
    {
        bool marked = text.AsSpan().StartsWith("\uFEFF"u8);
        var config = new ConfigText(marked ? text[3..] : text);
        config.Apply(edit);
        return marked ? [.. "\uFEFF"u8, .. config._text] : config._text;
    }

    private void Apply(ConfigEdit edit)
    {
        ConfigNode? element = Element(edit);
        if (edit.Value is not { } value)
        {
            if (element is not null)
            {
                Remove(ConfigNode.Parse(_text).Find(edit.List)!, element);
            }
        }
        else if (element is not null)
        {
            ApplyKeys(edit, value);
        }
        else if (ConfigNode.Parse(_text).Find(edit.List) is { } list)
        {
            Insert(list, null, value);
        }
        else
        {
            using JsonDocument whole = JsonDocument.Parse($"[{value.GetRawText()}]");
            Insert(ConfigNode.Parse(_text), edit.List, whole.RootElement);
        }
    }

    private void ApplyKeys(ConfigEdit edit, JsonElement value)
    {
        foreach (ConfigNode member in Element(edit)!.Items)
        {
            if (!value.TryGetProperty(member.Key!, out _))
            {
                // Positions move with every change, so they are found anew.
                ConfigNode element = Element(edit)!;
                Remove(element, element.Find(member.Key!)!);
            }
        }

        foreach (JsonProperty property in value.EnumerateObject())
        {
            ConfigNode element = Element(edit)!;
            if (element.Find(property.Name) is not { } present)
            {
                Insert(element, property.Name, property.Value);
            }
            else if (!JsonElement.DeepEquals(Value(present), property.Value))
            {
                Splice(present.ValueStart, present.End, Json(property.Value, IndentOf(present.Start)));
            }
        }
    }

    private ConfigNode? Element(ConfigEdit edit) =>
        ConfigNode.Parse(_text).Find(edit.List)?.Items.FirstOrDefault(i => i.Find("name") is { } name && Value(name).ValueEquals(edit.Name));

    private JsonElement Value(ConfigNode node)
    {
        using JsonDocument document = JsonDocument.Parse(_text.AsMemory(node.ValueStart, node.End - node.ValueStart), ConfigReader.Json);
        return document.RootElement.Clone();
    }

    private void Insert(ConfigNode container, string? key, JsonElement value)
    {
        string name = key is null ? string.Empty : $"\"{key}\": ";
        if (container.Items.Count == 0)
        {
            string outer = IndentOf(container.Start);
            string inner = outer + new string(' ', IndentStep);
            Splice(container.ValueStart + 1, container.ValueStart + 1, $"\n{inner}{name}{Json(value, inner)}\n{outer}");
            return;
        }

        ConfigNode last = container.Items[^1];
        bool ownLine = IsFirstOnLine(last.Start);
        string indent = IndentOf(last.Start);
        Splice(last.End, last.End, ownLine ? $",\n{indent}{name}{Json(value, indent)}" : $", {name}{Json(value, indent)}");
    }

    private void Remove(ConfigNode container, ConfigNode item)
    {
        int index = container.Items.ToList().IndexOf(item);
        int start = item.Start;
        int end = item.End;
        if (CommaAfter(end) is { } comma)
        {
            end = comma + 1;
        }
        else if (index > 0 && CommaAfter(container.Items[index - 1].End) is { } before)
        {
            Splice(before, before + 1, string.Empty);
            start--;
            end--;
            while (!IsFirstOnLine(start) && _text[start - 1] == ' ')
            {
                start--;
            }
        }

        // A line that held nothing else goes with it.
        int after = end;
        while (after < _text.Length && _text[after] is (byte)' ' or (byte)'\t' or (byte)'\r')
        {
            after++;
        }

        if (IsFirstOnLine(start) && after < _text.Length && _text[after] == '\n')
        {
            start = LineStart(start);
            end = after + 1;
        }
        else if (after < _text.Length && _text[after] != '\n')
        {
            end = after;
        }

        Splice(start, end, string.Empty);
    }

    /// <summary>Position of the comma behind a value, comments in between; null when the list ends there.</summary>
    private int? CommaAfter(int at)
    {
        while (at < _text.Length)
        {
            switch (_text[at])
            {
                case (byte)',':
                    return at;
                case (byte)'/':
                    ReadOnlySpan<byte> rest = _text.AsSpan(at);
                    ReadOnlySpan<byte> mark = rest[1] == '*' ? "*/"u8 : "\n"u8;
                    int length = rest.IndexOf(mark);
                    at = length < 0 ? _text.Length : at + length + mark.Length;
                    break;
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    at++;
                    break;
                default:
                    return null;
            }
        }

        return null;
    }

    private int LineStart(int at) => _text.AsSpan(0, at).LastIndexOf((byte)'\n') + 1;

    private bool IsFirstOnLine(int at) => _text.AsSpan(LineStart(at)..at).IndexOfAnyExcept((byte)' ', (byte)'\t') < 0;

    private string IndentOf(int at)
    {
        ReadOnlySpan<byte> line = _text.AsSpan(LineStart(at)..at);
        int length = line.IndexOfAnyExcept((byte)' ', (byte)'\t');
        return Encoding.UTF8.GetString(length < 0 ? line : line[..length]);
    }

    private void Splice(int start, int end, string text) => _text = [.. _text.AsSpan(0, start), .. Encoding.UTF8.GetBytes(text), .. _text.AsSpan(end)];

    private static string Json(JsonElement value, string indent)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, JsonTexts.Indented))
        {
            value.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan).ReplaceLineEndings("\n" + indent);
    }
}
