using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Commands;

/// <summary>
/// <c>KEY=VALUE</c> on the command line as the JSON object that the daemon takes: <c>switch.vlan=20</c> is <c>{"switch": {"vlan": 20}}</c>. What is right the
/// daemon knows; a value that is JSON is taken as that, any other as a text.
/// </summary>
internal static class Assignments
{
    /// <summary>Makes the object.</summary>
    /// <exception cref="CtlException">A word is no assignment, or two contradict each other.</exception>
    public static string ToJson(IEnumerable<string> words)
    {
        var root = new JsonObject();
        foreach (string word in words)
        {
            if (word.TrimStart().StartsWith('{'))
            {
                Merge(root, Whole(word));
                continue;
            }

            int equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw new CtlException(CtlExit.Wrong, $"{word}: KEY=VALUE is expected, for example switch.vlan=20 or limits=null, or one JSON object in " +
                    "quotes");
            }

            // One kind of port is called null.
            string key = word[..equals];
            string value = word[(equals + 1)..];
            Set(root, key.Split('.'), key == "kind" ? JsonValue.Create(value) : Value(value), word);
        }

        return root.ToJsonString();
    }

    private static void Set(JsonObject target, string[] keys, JsonNode? value, string word)
    {
        foreach (string key in keys[..^1])
        {
            if (!target.TryGetPropertyValue(key, out JsonNode? inner))
            {
                target[key] = inner = new JsonObject();
            }

            target = inner as JsonObject
                ?? throw new CtlException(CtlExit.Wrong, $"{word}: another word gives {key} a value, so nothing can be set inside it");
        }

        string last = keys[^1];
        if (last.Length == 0)
        {
            throw new CtlException(CtlExit.Wrong, $"{word}: a key is missing between the dots, or in front of the equals sign");
        }

        if (target.TryGetPropertyValue(last, out JsonNode? before))
        {
            // A key that is given twice is a list.
            JsonArray list = before as JsonArray ?? [before?.DeepClone()];
            list.Add(value);
            value = list;
            target.Remove(last);
        }

        target[last] = value;
    }

    private static void Merge(JsonObject target, JsonObject more)
    {
        foreach ((string key, JsonNode? value) in more)
        {
            target[key] = value?.DeepClone();
        }
    }

    private static JsonObject Whole(string word)
    {
        try
        {
            return JsonNode.Parse(word) as JsonObject ?? throw new CtlException(CtlExit.Wrong, $"{word}: a JSON object is expected");
        }
        catch (JsonException e)
        {
            throw new CtlException(CtlExit.Wrong, $"{word}: begins like a JSON object and is none ({e.Message.Split(". ")[0].TrimEnd('.')})", e);
        }
    }

    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
