using System.Text;
using Microsoft.CodeAnalysis.Text;

namespace VhostNet.Mutation.Sites;

/// <summary>One text that holds all mutants of a file, each behind its switch and with a line of its own, so that a compiler's error names it.</summary>
internal sealed class Schemata
{
    private const string Switch = "global::VhostNet.LibC.MutantSwitch.On";

    private readonly string _text;
    private readonly List<Mutant> _mutants;

    /// <summary>The type of the switch, which goes into the copy's src/LibC.</summary>
    public static string SwitchSource { get; } = ReadSwitch();

    private Schemata(string text, IEnumerable<Mutant> mutants)
    {
        _text = text;

        // The outermost first; of two at one place, the one that replaces the statement before the one that replaces its expression.
        _mutants = [.. mutants.OrderBy(static m => m.Span.Start).ThenByDescending(static m => m.Span.Length).ThenBy(static m => m.Id)];
    }

    /// <summary>The text of a file with its mutants.</summary>
    public static string Render(string text, IEnumerable<Mutant> mutants)
    {
        var schemata = new Schemata(text, mutants);
        int next = 0;
        return schemata.Render(new TextSpan(0, text.Length), ref next);
    }

    /// <summary>The numbers of the mutants on a line of such a text.</summary>
    public static IEnumerable<int> OnLine(string line)
    {
        string[] parts = line.Split(Switch + "(");
        return parts.Skip(1).Select(static p => int.Parse(p.AsSpan(0, p.IndexOf(')', StringComparison.Ordinal)), System.Globalization.CultureInfo.InvariantCulture));
    }

    private static string ReadSwitch()
    {
        using var reader = new StreamReader(typeof(Schemata).Assembly.GetManifestResourceStream("MutantSwitch")!);
        return "using System; using System.IO;\n" + reader.ReadToEnd();
    }

    private string Render(TextSpan span, ref int next)
    {
        var text = new StringBuilder();
        int position = span.Start;
        while (next < _mutants.Count && span.Contains(_mutants[next].Span))
        {
            Mutant mutant = _mutants[next++];
            text.Append(_text, position, mutant.Span.Start - position);
            string inner = Render(mutant.Span, ref next);
            text.Append(mutant.Form switch
            {
                MutantForm.Removal => $"if (!{Switch}({mutant.Id}))\n{{ {inner} }}",
                MutantForm.Statement => $"if ({Switch}({mutant.Id})) {{ {mutant.Mutated} }} else\n{{ {inner} }}",
                _ => $"{Cast(mutant)}(\n{Switch}({mutant.Id}) ? {mutant.Mutated} : // {mutant.Id}\n{inner})",
            });
            position = mutant.Span.End;
        }

        return text.Append(_text, position, span.End - position).ToString();
    }

    private static string Cast(Mutant mutant) => mutant.Cast is { } type ? $"({type})" : string.Empty;
}
