namespace VhostNet.Style;

/// <summary>Blanks comments and strings out of C# text, so that what is left is code. Line breaks stay where they are.</summary>
public sealed class SourceText
{
    private readonly string _text;
    private readonly char[] _code;
    private int _at;

    private SourceText(string text)
    {
        _text = text;
        _code = text.ToCharArray();
    }

    /// <summary>The code of a file.</summary>
    public static string CodeOf(string text)
    {
        SourceText source = new(text);
        source.SkipCode(insideHole: false);
        return new string(source._code);
    }

    private bool At(string what) => string.CompareOrdinal(_text, _at, what, 0, what.Length) == 0;

    private void Blank(int count)
    {
        for (int end = Math.Min(_text.Length, _at + count); _at < end; _at++)
        {
            if (_code[_at] is not ('\n' or '\r'))
            {
                _code[_at] = ' ';
            }
        }
    }

    private void BlankTo(string end)
    {
        int index = _text.IndexOf(end, _at, StringComparison.Ordinal);
        Blank(index < 0 ? _text.Length - _at : index + end.Length - _at);
    }

    /// <summary>Up to the end, or up to the brace that ends an interpolation hole.</summary>
    private void SkipCode(bool insideHole)
    {
        for (int depth = 0; _at < _text.Length;)
        {
            char c = _text[_at];
            if (At("//"))
            {
                int end = _text.IndexOf('\n', _at);
                Blank(end < 0 ? _text.Length - _at : end - _at);
            }
            else if (At("/*"))
            {
                BlankTo("*/");
            }
            else if (c == '\'')
            {
                SkipCharacter();
            }
            else if (c is '"' or '$' or '@' && IsStringStart())
            {
                SkipString();
            }
            else if (insideHole && c == '}' && depth == 0)
            {
                return;
            }
            else
            {
                depth += c == '{' ? 1 : c == '}' ? -1 : 0;
                _at++;
            }
        }
    }

    private bool IsStringStart()
    {
        int i = _at;
        while (i < _text.Length && _text[i] is '$' or '@')
        {
            i++;
        }

        return i < _text.Length && _text[i] == '"';
    }

    private void SkipCharacter()
    {
        Blank(_at + 1 < _text.Length && _text[_at + 1] == '\\' ? 2 : 1);
        Blank(1);
        BlankTo("'");
    }

    private void SkipString()
    {
        int holes = 0;
        bool verbatim = false;
        for (; _text[_at] != '"'; Blank(1))
        {
            holes += _text[_at] == '$' ? 1 : 0;
            verbatim |= _text[_at] == '@';
        }

        int quotes = 0;
        while (_at + quotes < _text.Length && _text[_at + quotes] == '"')
        {
            quotes++;
        }

        if (quotes >= 3)
        {
            Blank(quotes);
            SkipStringBody(new string('"', quotes), holes, escapes: false, doubled: false);
        }
        else
        {
            Blank(1);
            SkipStringBody("\"", holes, escapes: !verbatim, doubled: verbatim);
        }
    }

    private void SkipStringBody(string end, int holes, bool escapes, bool doubled)
    {
        string open = new('{', Math.Max(1, holes));
        while (_at < _text.Length)
        {
            if (escapes && _text[_at] == '\\')
            {
                Blank(2);
            }
            else if (doubled && At("\"\""))
            {
                Blank(2);
            }
            else if (At(end))
            {
                Blank(end.Length);
                return;
            }
            else if (holes > 0 && end.Length == 1 && At("{{"))
            {
                Blank(2);
            }
            else if (holes > 0 && At(open))
            {
                Blank(open.Length);
                SkipCode(insideHole: true);
                Blank(open.Length);
            }
            else
            {
                Blank(1);
            }
        }
    }
}
