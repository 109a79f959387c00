using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>A function found by its braces: good enough to count lines.</summary>
public sealed partial record SourceFunction(string Name, int Line, int Lines)
{
    private static readonly HashSet<string> s_notFunctions =
    [
        "if", "for", "foreach", "while", "switch", "using", "lock", "fixed", "catch", "when", "checked", "unchecked", "return", "new", "where", "base", "this", "class", "struct", "record", "enum",
        "interface", "is", "or", "and", "not", "in", "await", "nameof", "typeof", "sizeof", "default", "stackalloc",
    ];

    /// <summary>The functions with bodies in braces of a file's code.</summary>
    public static IEnumerable<SourceFunction> In(string code)
    {
        Stack<(string Name, int Line)> open = new();
        int headerStart = 0;
        for (int i = 0; i < code.Length; i++)
        {
            switch (code[i])
            {
                case ';':
                    headerStart = i + 1;
                    break;
                case '{':
                    string header = code[headerStart..i];
                    int first = headerStart + (header.Length - header.TrimStart().Length);
                    open.Push((FunctionName(header), LineOf(code, first)));
                    headerStart = i + 1;
                    break;
                case '}':
                    headerStart = i + 1;
                    if (open.TryPop(out (string Name, int Line) block) && block.Name.Length != 0)
                    {
                        yield return new SourceFunction(block.Name, block.Line, LineOf(code, i) - block.Line + 1);
                    }

                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>The name before the first parenthesis, if the block can be a function's body.</summary>
    private static string FunctionName(string header)
    {
        string text = AttributePattern().Replace(header, string.Empty).Trim();
        if (TypePattern().IsMatch(text) || text.Contains("=>", StringComparison.Ordinal) || text.EndsWith('=') || AssignmentPattern().IsMatch(text))
        {
            return string.Empty;
        }

        Match match = NamePattern().Match(text);
        return match.Success && !s_notFunctions.Contains(match.Groups[1].Value) ? match.Groups[1].Value : string.Empty;
    }

    private static int LineOf(string code, int index) => code.AsSpan(0, index).Count('\n') + 1;

    [GeneratedRegex(@"^\s*(\[[^\]]*\]\s*)+")]
    private static partial Regex AttributePattern();

    [GeneratedRegex(@"\b(class|struct|interface|enum|record|namespace)\b")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"^[^(]*[^=!<>]=[^=]")]
    private static partial Regex AssignmentPattern();

    [GeneratedRegex(@"([\w.]+)\s*(<[^()]*>)?\s*\(")]
    private static partial Regex NamePattern();
}
