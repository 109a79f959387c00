using Microsoft.CodeAnalysis.Text;

namespace VhostNet.Mutation.Sites;

/// <summary>One change of one place in the sources.</summary>
/// <param name="Path">File, from the root of the tree.</param>
/// <param name="Line">First line of the place, from 1.</param>
/// <param name="Member">The member that the place is in.</param>
/// <param name="Operator">What kind of change.</param>
/// <param name="Span">The place.</param>
/// <param name="Form">How the change is switched.</param>
/// <param name="Original">The text there, on one line.</param>
/// <param name="Mutated">What it becomes; empty when it is removed.</param>
/// <param name="Cast">Type that a constant has to be converted to explicitly once it stands in a condition; null for none.</param>
internal sealed record Mutant(string Path, int Line, string Member, string Operator, TextSpan Span, MutantForm Form, string Original, string Mutated, string? Cast)
{
    /// <summary>Number in the mutated copy.</summary>
    public int Id { get; set; } = -1;

    /// <summary>What stays the same when lines or folders move.</summary>
    public string Key => $"{System.IO.Path.GetFileName(Path)} | {Member} | {Original} => {(Mutated.Length == 0 ? "(removed)" : Mutated)}";

    /// <summary>The project's folder under src.</summary>
    public string Project => Path.Split('/')[1];

    /// <summary>The folder.</summary>
    public string Room => Path[..Path.LastIndexOf('/')];
}
