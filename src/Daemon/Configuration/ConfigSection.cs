using System.Globalization;
using System.Text.Json;

namespace VhostNet.Daemon.Configuration;

/// <summary>
/// One JSON object of the configuration while it is read. It remembers which keys were asked for, so that <see cref="End"/> can refuse all others with a
/// suggestion; a reader that asks for every key it knows therefore needs no second list of keys.
/// </summary>
internal sealed partial class ConfigSection
{
    private readonly JsonElement _element;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Action<string>? _keySeen;
    private readonly bool _isText;

    private ConfigSection(JsonElement element, string path, Action<string>? keySeen, bool isText = false)
    {
        _element = element;
        _keySeen = keySeen;
        _isText = isText;
        Path = path;
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new ConfigException(path, $"{Describe(element)} stands where an object {{…}} is expected");
        }
    }

    /// <summary>Where this object stands in the document; empty for the document itself.</summary>
    public string Path { get; }

    /// <summary>A copy of the object that outlives the document.</summary>
    public JsonElement Source => _element.Clone();

    /// <summary>Wraps a whole document.</summary>
    /// <param name="element">Its root value.</param>
    /// <param name="keySeen">Told every key that a reader asks for, once each time; lets a test find all keys.</param>
    public static ConfigSection Root(JsonElement element, Action<string>? keySeen = null) => new(element, string.Empty, keySeen);

    /// <summary>Wraps an object that stands for one of a configuration's.</summary>
    public static ConfigSection At(JsonElement element, string path) => new(element, path, null);

    /// <summary>
    /// Wraps an object whose values are all texts, as they come from a command line: numbers and switches are read out of texts, a text stands for a list of
    /// one.
    /// </summary>
    /// <param name="element">The object.</param>
    /// <param name="path">What error texts call it.</param>
    public static ConfigSection OfTexts(JsonElement element, string path) => new(element, path, null, isText: true);

    /// <summary>The path of one of this object's keys.</summary>
    public string PathOf(string key) => Path.Length == 0 ? key : _isText ? $"{Path}: {key}" : $"{Path}.{key}";

    /// <summary>An exception about one of this object's keys.</summary>
    public ConfigException Error(string key, string problem) => new(PathOf(key), problem);

    /// <summary>True when the key is present with a value other than null.</summary>
    public bool Has(string key) => TryGet(key, out _);

    /// <summary>A text, or null when the key is missing.</summary>
    public string? Text(string key)
    {
        _schema?.Text(key);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        string text = value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw Error(key, $"{Describe(value)} stands where a text in quotes is expected");
        return text.Length > 0 ? text : throw Error(key, "an empty text is of no use here; leave the key out instead");
    }

    /// <summary>A text that has to be there.</summary>
    public string RequiredText(string key, string meaning) =>
        Text(key) ?? _schema?.Required(key, meaning) ?? throw Error(key, $"is missing; it has to say {meaning}");

    /// <summary>A switch, or null when the key is missing.</summary>
    public bool? Switch(string key)
    {
        _schema?.Switch(key);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String when _isText && value.GetString() is "on" or "true" or "yes" => true,
            JsonValueKind.String when _isText && value.GetString() is "off" or "false" or "no" => false,
            _ when _isText => throw Error(key, $"{Describe(value)} stands where on or off is expected"),
            _ => throw Error(key, $"{Describe(value)} stands where true or false is expected"),
        };
    }

    /// <summary>A whole number in a range, or null when the key is missing.</summary>
    public long? Number(string key, long min, long max)
    {
        _schema?.Number(key, min, max);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        return TryNumber(value, out long number) && number >= min && number <= max
            ? number
            : throw Error(key, $"{Describe(value)} stands where a whole number from {min} to {max} is expected");
    }

    /// <summary>A number in a range, with or without fraction, or null when the key is missing.</summary>
    public double? Real(string key, double min, double max)
    {
        _schema?.Real(key, min, max);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        bool valid = value.ValueKind == JsonValueKind.Number ? value.TryGetDouble(out double number)
            : double.TryParse(_isText ? value.GetString() : null, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
        return valid && number >= min && number <= max
            ? number
            : throw Error(key, string.Create(CultureInfo.InvariantCulture, $"{Describe(value)} stands where a number from {min} to {max} is expected"));
    }

    /// <summary>A whole number in a range that fits an int.</summary>
    public int? Int(string key, int min, int max) => (int?)Number(key, min, max);

    /// <summary>One of some words, or null when the key is missing.</summary>
    public string? Choice(string key, params string[] words)
    {
        string? text = Text(key);
        _schema?.Choice(key, words);
        return text is null || words.Contains(text, StringComparer.Ordinal)
            ? text
            : throw Error(key, $"\"{text}\" is unknown; {Suggestion.Clause(text, words)}");
    }

    /// <summary>One of an enumeration's values, spelled as in <paramref name="words"/>.</summary>
    public T? Choice<T>(string key, IReadOnlyDictionary<string, T> words)
        where T : struct
    {
        string? text = Choice(key, [.. words.Keys]);
        return text is null ? null : words[text];
    }

    /// <summary>A value that a text stands for, or null when the key is missing.</summary>
    /// <param name="key">The key.</param>
    /// <param name="parse">Parses the text.</param>
    /// <param name="meaning">What is expected, with an example, for the error text.</param>
    public T? Parsed<T>(string key, TryParse<T> parse, string meaning)
        where T : struct
    {
        string? text = Text(key);
        _schema?.Meaning(key, meaning);
        return text is null ? null : Parse(key, text, parse, meaning);
    }

    /// <summary>The values that a list of texts stands for, or null when the key is missing.</summary>
    public IReadOnlyList<T>? ParsedList<T>(string key, TryParse<T> parse, string meaning)
    {
        IReadOnlyList<string>? texts = Texts(key);
        _schema?.Meaning(key, meaning);
        return texts?.Select((text, i) => Parse($"{key}[{i.ToString(CultureInfo.InvariantCulture)}]", text, parse, meaning)).ToList();
    }

    /// <summary>The value that a text stands for; the parser's own words say what is wrong with it.</summary>
    public T Converted<T>(string key, string text, Func<string, T> convert)
    {
        try
        {
            return convert(text);
        }
        catch (FormatException e)
        {
            throw Error(key, e.Message);
        }
    }

    /// <summary>The values that a list of texts stands for, or null when the key is missing; the parser's own words say what is wrong with a text.</summary>
    public IReadOnlyList<T>? ConvertedList<T>(string key, Func<string, T> convert) => Texts(key)?.Select(text => Converted(key, text, convert)).ToList();

    /// <summary>A list of texts; a single text counts as a list of one; null when the key is missing.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        _schema?.Texts(key);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return [Text(key)!];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Error(key, $"{Describe(value)} stands where a list of texts is expected");
        }

        var texts = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            texts.Add(item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw Error($"{key}[{texts.Count.ToString(CultureInfo.InvariantCulture)}]", $"{Describe(item)} stands where a text is expected"));
        }

        return texts;
    }

    /// <summary>A list of whole numbers; a single number counts as a list of one; null when the key is missing.</summary>
    public IReadOnlyList<long>? Numbers(string key, long min, long max)
    {
        _schema?.Numbers(key, min, max);
        if (!TryGet(key, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number || (_isText && value.ValueKind == JsonValueKind.String))
        {
            return [Number(key, min, max)!.Value];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Error(key, $"{Describe(value)} stands where a list of whole numbers is expected");
        }

        var numbers = new List<long>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            numbers.Add(TryNumber(item, out long number) && number >= min && number <= max
                ? number
                : throw Error($"{key}[{numbers.Count}]", $"{Describe(item)} stands where a whole number from {min} to {max} is expected"));
        }

        return numbers;
    }

    /// <summary>An object, or null when the key is missing.</summary>
    public ConfigSection? Section(string key) =>
        _schema is not null ? Recorded(key) : TryGet(key, out JsonElement value) ? new ConfigSection(value, PathOf(key), _keySeen) : null;

    /// <summary>A list of objects; empty when the key is missing.</summary>
    public IReadOnlyList<ConfigSection> Sections(string key)
    {
        _schema?.List(key);
        if (!TryGet(key, out JsonElement value))
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Error(key, $"{Describe(value)} stands where a list [{{…}}, …] is expected");
        }

        return [.. value.EnumerateArray().Select((item, i) => new ConfigSection(item, $"{PathOf(key)}[{i.ToString(CultureInfo.InvariantCulture)}]", _keySeen))];
    }

    /// <summary>The keys of this object that nobody asked for yet.</summary>
    public IReadOnlyList<string> OtherKeys() => _schema is not null ? [ObjectSchema.AnyKey] : [.. _element.EnumerateObject().Select(p => p.Name).Where(k =>
        !_known.Contains(k))];

    /// <summary>Refuses keys that nobody asked for.</summary>
    public void End()
    {
        foreach (JsonProperty property in _element.EnumerateObject())
        {
            if (_schema is null && !_known.Contains(property.Name))
            {
                // $schema is for editors, and nothing that anybody misspells.
                throw Error(property.Name, $"unknown key; {Suggestion.Clause(property.Name, [.. _known.Where(k => k[0] != '$')])}");
            }
        }
    }

    /// <summary>A short description of a value for error texts.</summary>
    internal static string Describe(JsonElement value)
    {
        string text = value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.Null => "null",
            _ => value.GetRawText(),
        };
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "…");
    }

    private bool TryNumber(JsonElement value, out long number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number ? value.TryGetInt64(out number)
            : _isText && value.ValueKind == JsonValueKind.String
                && long.TryParse(value.GetString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    private T Parse<T>(string key, string text, TryParse<T> parse, string meaning) =>
        parse(text, out T? value) ? value : throw Error(key, $"\"{text}\" stands where {meaning} is expected");

    private bool TryGet(string key, out JsonElement value)
    {
        if (_known.Add(key))
        {
            _keySeen?.Invoke(PathOf(key));
        }

        return _element.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;
    }
}
