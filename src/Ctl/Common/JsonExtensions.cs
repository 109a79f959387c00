using System.Text.Json;

namespace VhostNet.Ctl.Common;

/// <summary>Reads the daemon's answers, in which another version may have left something out.</summary>
internal static class JsonExtensions
{
    /// <summary>A value, or one of kind Undefined.</summary>
    public static JsonElement At(this JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out JsonElement value) ? value : default;

    /// <summary>A text, a number as it is written, or an empty text.</summary>
    public static string Text(this JsonElement element, string key) => element.At(key) switch
    {
        { ValueKind: JsonValueKind.String } value => value.GetString()!,
        { ValueKind: JsonValueKind.Number } value => value.GetRawText(),
        _ => string.Empty,
    };

    /// <summary>A whole number, or 0.</summary>
    public static long Number(this JsonElement element, string key) =>
        element.At(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long number) ? number : 0;

    /// <summary>A number, or 0.</summary>
    public static double Real(this JsonElement element, string key) => element.At(key) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : 0;

    /// <summary>Whether a key is there and true.</summary>
    public static bool IsTrue(this JsonElement element, string key) => element.At(key).ValueKind == JsonValueKind.True;

    /// <summary>The elements of a list; none when it is missing.</summary>
    public static IReadOnlyList<JsonElement> Items(this JsonElement element, string key) =>
        element.At(key) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];

    /// <summary>The texts of a list; none when it is missing.</summary>
    public static IReadOnlyList<string> Texts(this JsonElement element, string key) =>
        [.. element.Items(key).Where(v => v.ValueKind == JsonValueKind.String).Select(v => v.GetString()!)];

    /// <summary>The members of an object; none when it is missing.</summary>
    public static IReadOnlyList<JsonProperty> Members(this JsonElement element, string key) =>
        element.At(key) is { ValueKind: JsonValueKind.Object } value ? [.. value.EnumerateObject()] : [];
}
