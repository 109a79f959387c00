using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VhostNet.Mutation.Sites;

/// <summary>What a binary operator becomes.</summary>
internal static class BinaryOperators
{
    /// <summary>The other operator and the name of the change; null if the operator is left alone.</summary>
    public static (string Name, string Token)? Other(BinaryExpressionSyntax node, SemanticModel model) => node.Kind() switch
    {
        SyntaxKind.LessThanExpression => ("boundary", "<="),
        SyntaxKind.LessThanOrEqualExpression => ("boundary", "<"),
        SyntaxKind.GreaterThanExpression => ("boundary", ">="),
        SyntaxKind.GreaterThanOrEqualExpression => ("boundary", ">"),
        SyntaxKind.EqualsExpression => ("condition negated", "!="),
        SyntaxKind.NotEqualsExpression => ("condition negated", "=="),
        SyntaxKind.LogicalAndExpression => ("logic", "||"),
        SyntaxKind.LogicalOrExpression => ("logic", "&&"),
        _ => IsNumber(node, model) ? Arithmetic(node) : null,
    };

    private static (string Name, string Token)? Arithmetic(BinaryExpressionSyntax node) => node.Kind() switch
    {
        SyntaxKind.AddExpression => ("arithmetic", "-"),
        SyntaxKind.SubtractExpression => ("arithmetic", "+"),
        SyntaxKind.MultiplyExpression => ("arithmetic", "/"),
        SyntaxKind.DivideExpression => ("arithmetic", "*"),
        SyntaxKind.ModuloExpression => ("arithmetic", "*"),
        SyntaxKind.BitwiseAndExpression => ("bits", "|"),
        SyntaxKind.BitwiseOrExpression => ("bits", "&"),
        SyntaxKind.LeftShiftExpression => ("bits", ">>"),
        SyntaxKind.RightShiftExpression => ("bits", "<<"),
        _ => null,
    };

    // Pointers and strings are left alone: the first would fault at once, the second are for people. Enumerations are bit sets here.
    private static bool IsNumber(BinaryExpressionSyntax node, SemanticModel model) => model.GetTypeInfo(node).Type is { } type
        && (type.TypeKind == TypeKind.Enum
            || type.SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_Double or SpecialType.System_IntPtr or SpecialType.System_UIntPtr);
}
