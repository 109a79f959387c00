using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>Finds in the daemon's source what starts are refused with: the texts in statements that throw such an exception, or that say what a problem is.</summary>
internal static partial class SourceTexts
{
    // Too short to tell anything.
    private const int LeastLength = 12;

    private static readonly string[] s_rooms = ["Cli", "Common", "Configuration", "Hosting", "Logs", "Systemd"];
    private static readonly string[] s_files = ["Program.cs", "Api/HttpListeners.cs"];

    /// <summary>Each text's longest part without values in it, with the file that it stands in.</summary>
    public static IEnumerable<(string File, string Text)> All()
    {
        string daemon = Path.Combine(Repository.Root, "src", "Daemon");
        IEnumerable<string> files = s_rooms.SelectMany(r => Directory.EnumerateFiles(Path.Combine(daemon, r), "*.cs", SearchOption.AllDirectories))
            .Concat(s_files.Select(f => Path.Combine(daemon, f)));
        return files.SelectMany(file => Texts(File.ReadAllText(file)).Select(text => (Path.GetFileName(file), text)));
    }

    private static IEnumerable<string> Texts(string source)
    {
        string code = Comment().Replace(source, string.Empty);
        var texts = new List<string>();
        int start = 0;
        for (int i = 0; i < code.Length; i++)
        {
            if (code.AsSpan(i).StartsWith("\"\"\""))
            {
                // A raw text is a document or the like.
                i = code.IndexOf("\"\"\"", i + 3, StringComparison.Ordinal) + 2;
            }
            else if (code[i] == '"')
            {
                int end = EndOfText(code, i);
                texts.Add(code[(i + 1)..end]);
                i = end;
            }
            else if (code[i] == '\'' && i + 2 < code.Length)
            {
                // A character; none of them matters.
                i = code.IndexOf('\'', code[i + 1] == '\\' ? i + 3 : i + 2);
            }
            else if (code[i] is ';' or '{' or '}')
            {
                string statement = code[start..i];
                if (Refuses().IsMatch(statement))
                {
                    foreach (string text in texts.Select(LongestPart).Where(t => t.Length >= LeastLength))
                    {
                        yield return text;
                    }
                }

                texts.Clear();
                start = i + 1;
            }
        }
    }

    // An interpolated text may have others within its braces; here only the outer one counts.
    private static int EndOfText(string code, int from)
    {
        int depth = 0;
        for (int i = from + 1; ; i++)
        {
            switch (code[i])
            {
                case '\\':
                    i++;
                    break;
                case '{':
                    depth++;
                    break;
                case '}':
                    depth--;
                    break;
                case '"' when depth > 0:
                    i = EndOfText(code, i);
                    break;
                case '"':
                    return i;
                default:
                    break;
            }
        }
    }

    private static string LongestPart(string text)
    {
        // Pieces outside of braces; nested braces belong to an expression with a text of its own.
        var parts = new List<string> { string.Empty };
        int depth = 0;
        foreach (char c in text)
        {
            depth += c == '{' ? 1 : 0;
            if (depth == 0)
            {
                parts[^1] += c;
            }
            else if (parts[^1].Length > 0)
            {
                parts.Add(string.Empty);
            }

            depth -= c == '}' ? 1 : 0;
        }

        return Regex.Unescape(parts.MaxBy(p => p.Length)!);
    }

    [GeneratedRegex(@"(?m)(^|\s)//.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"new RefusalException\(|new ConfigException\(|\bUsage\(|\bError\(|\bproblem =|\bRequiredText\(|\bMissing\(|Remedy|Hint|Problem\(")]
    private static partial Regex Refuses();
}
