using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VhostNet.Mutation.Sites;

/// <summary>Code that is not mutated: texts for people, and places where the language wants a constant.</summary>
internal static class SkippedCode
{
    private static readonly string[] s_loggers = ["Log", "_log", "logger", "_logger", "log", "Logger", "s_log"];

    /// <summary>Neither the node nor what is in it is mutated.</summary>
    public static bool Contains(SyntaxNode node) => node switch
    {
        AttributeListSyntax or EnumMemberDeclarationSyntax or ParameterListSyntax or PatternSyntax or CaseSwitchLabelSyntax => true,
        ThrowStatementSyntax or ThrowExpressionSyntax or InterpolatedStringExpressionSyntax or UsingDirectiveSyntax => true,
        FieldDeclarationSyntax field => IsConst(field.Modifiers),
        LocalDeclarationStatementSyntax local => IsConst(local.Modifiers),
        InvocationExpressionSyntax call => IsForPeople(call),
        MethodDeclarationSyntax { Identifier.Text: "ToString" or "GetHashCode" } => true,
        _ => false,
    };

    private static bool IsConst(SyntaxTokenList modifiers) => modifiers.Any(static m => m.Text == "const");

    private static bool IsForPeople(InvocationExpressionSyntax call)
    {
        string text = call.Expression.ToString();
        return text == "nameof" || text.StartsWith("Debug.", StringComparison.Ordinal)
            || text.Contains(".Throw", StringComparison.Ordinal) || text.StartsWith("Throw", StringComparison.Ordinal)
            || text.Split('.', '?', '!').Any(static part => s_loggers.Contains(part) || part.StartsWith("Log", StringComparison.Ordinal));
    }
}
