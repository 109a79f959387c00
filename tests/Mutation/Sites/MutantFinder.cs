using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VhostNet.Mutation.Sites;

/// <summary>Finds every mutant of one file.</summary>
internal sealed class MutantFinder : CSharpSyntaxWalker
{
    private readonly string _path;
    private readonly SemanticModel _model;
    private readonly List<Mutant> _found = [];

    private MutantFinder(string path, SemanticModel model)
    {
        _path = path;
        _model = model;
    }

    /// <summary>All mutants, in the order of the text.</summary>
    public static IReadOnlyList<Mutant> Find(string path, SyntaxTree tree, SemanticModel model)
    {
        var finder = new MutantFinder(path, model);
        finder.Visit(tree.GetRoot());
        return finder._found;
    }

    public override void Visit(SyntaxNode? node)
    {
        if (node is not null && !SkippedCode.Contains(node))
        {
            base.Visit(node);
        }
    }

    public override void VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        if (BinaryOperators.Other(node, _model) is { } other)
        {
            AddExpression(other.Name, node, $"{node.Left} {other.Token} {node.Right}");
        }

        base.VisitBinaryExpression(node);
    }

    public override void VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        if (node.IsKind(SyntaxKind.LogicalNotExpression) && !DeclaresVariables(node))
        {
            AddExpression("negation", node, $"({node.Operand})");
        }
        else if (node.IsKind(SyntaxKind.UnaryMinusExpression) && node.Operand is not LiteralExpressionSyntax)
        {
            AddExpression("sign", node, $"({node.Operand})");
        }

        base.VisitPrefixUnaryExpression(node);
    }

    public override void VisitLiteralExpression(LiteralExpressionSyntax node)
    {
        if (node.IsKind(SyntaxKind.NumericLiteralExpression) && IsInteger(_model.GetTypeInfo(node).Type) && node.Token.Value is not 0xff)
        {
            AddExpression("off by one", node, $"({node} + 1)");
        }

        base.VisitLiteralExpression(node);
    }

    public override void VisitIfStatement(IfStatementSyntax node)
    {
        AddNegation(node.Condition);
        if (node.Else is { } other)
        {
            Add("else removed", other.Statement, MutantForm.Removal, string.Empty);
        }

        base.VisitIfStatement(node);
    }

    public override void VisitWhileStatement(WhileStatementSyntax node)
    {
        AddNegation(node.Condition);
        base.VisitWhileStatement(node);
    }

    public override void VisitConditionalExpression(ConditionalExpressionSyntax node)
    {
        AddNegation(node.Condition);
        base.VisitConditionalExpression(node);
    }

    public override void VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        if (SkippedCode.Contains(node.Expression))
        {
            return;
        }

        string text = node.Expression.ToString();
        if (Atomics.Plain(node.Expression) is { } plain)
        {
            Add("not atomic", node, MutantForm.Statement, plain);
        }

        bool isUp = text.Contains("++", StringComparison.Ordinal);
        if (node.Expression is PostfixUnaryExpressionSyntax or PrefixUnaryExpressionSyntax && (isUp || text.Contains("--", StringComparison.Ordinal)))
        {
            Add("step", node, MutantForm.Statement, (isUp ? text.Replace("++", "--", StringComparison.Ordinal) : text.Replace("--", "++", StringComparison.Ordinal)) + ";");
        }
        else
        {
            Add("statement removed", node, MutantForm.Removal, string.Empty);
        }

        base.VisitExpressionStatement(node);
    }

    public override void VisitAssignmentExpression(AssignmentExpressionSyntax node)
    {
        string? other = node.OperatorToken.Text switch { "+=" => "-=", "-=" => "+=", "|=" => "&=", "&=" => "|=", "<<=" => ">>=", ">>=" => "<<=", _ => null };
        if (other is not null && node.Parent is ExpressionStatementSyntax statement && _model.GetTypeInfo(node.Left).Type is { } type
            && (IsInteger(type) || type.SpecialType == SpecialType.System_Boolean))
        {
            Add("arithmetic", statement, MutantForm.Statement, $"{node.Left} {other} {node.Right};");
        }

        base.VisitAssignmentExpression(node);
    }

    public override void VisitReturnStatement(ReturnStatementSyntax node)
    {
        if (node.Expression is { } value)
        {
            AddResult(value);
        }
        else
        {
            Add("return removed", node, MutantForm.Removal, string.Empty);
        }

        base.VisitReturnStatement(node);
    }

    public override void VisitArrowExpressionClause(ArrowExpressionClauseSyntax node)
    {
        AddResult(node.Expression);
        base.VisitArrowExpressionClause(node);
    }

    public override void VisitContinueStatement(ContinueStatementSyntax node) => Add("continue removed", node, MutantForm.Removal, string.Empty);

    public override void VisitBreakStatement(BreakStatementSyntax node)
    {
        if (node.Ancestors().First(IsLeftByBreak) is not SwitchStatementSyntax)
        {
            Add("break removed", node, MutantForm.Removal, string.Empty);
        }
    }

    private static bool IsLeftByBreak(SyntaxNode node) =>
        node is SwitchStatementSyntax or ForStatementSyntax or WhileStatementSyntax or DoStatementSyntax or ForEachStatementSyntax;

    private static bool IsInteger(ITypeSymbol? type) =>
        type?.SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_UInt64 or SpecialType.System_IntPtr or SpecialType.System_UIntPtr;

    private static bool DeclaresVariables(SyntaxNode node) =>
        node.DescendantNodes().Any(static d => d is SingleVariableDesignationSyntax or AnonymousFunctionExpressionSyntax);

    /// <summary>A condition the other way round, unless another operator makes the same of it.</summary>
    private void AddNegation(ExpressionSyntax condition)
    {
        bool isOther = condition is PrefixUnaryExpressionSyntax || condition.Kind() is SyntaxKind.EqualsExpression or SyntaxKind.NotEqualsExpression;
        if (!isOther && !DeclaresVariables(condition))
        {
            AddExpression("condition negated", condition, $"!({condition})");
        }
    }

    /// <summary>Another result: none, or the other one of a bool.</summary>
    private void AddResult(ExpressionSyntax value)
    {
        ITypeSymbol? type = _model.GetTypeInfo(value).ConvertedType;
        bool isOther = value is PrefixUnaryExpressionSyntax || value.Kind() is SyntaxKind.EqualsExpression or SyntaxKind.NotEqualsExpression;
        if (type?.SpecialType == SpecialType.System_Boolean && !isOther && !DeclaresVariables(value))
        {
            AddExpression("result", value, value.ToString() switch { "true" => "false", "false" => "true", var text => $"!({text})" });
        }
        else if (IsInteger(type) && value is not LiteralExpressionSyntax && !DeclaresVariables(value))
        {
            AddExpression("result", value, $"default({type!.ToDisplayString()})");
        }
    }

    private void AddExpression(string name, ExpressionSyntax node, string mutated)
    {
        TypeInfo type = _model.GetTypeInfo(node);
        bool isWritten = node.Parent is RefExpressionSyntax or ArgumentSyntax { RefKindKeyword.RawKind: not 0 }
            || node.Parent.IsKind(SyntaxKind.AddressOfExpression);
        if (!isWritten && type.Type is { TypeKind: not TypeKind.Error } && !DeclaresVariables(node))
        {
            bool isConstant = _model.GetConstantValue(node).HasValue && !SymbolEqualityComparer.Default.Equals(type.Type, type.ConvertedType);
            Add(name, node, MutantForm.Expression, mutated, isConstant ? type.ConvertedType!.ToDisplayString() : null);
        }
    }

    private void Add(string name, SyntaxNode node, MutantForm form, string mutated, string? cast = null) => _found.Add(new Mutant(
        _path,
        node.GetLocation().GetLineSpan().StartLinePosition.Line + 1,
        MemberOf(node),
        name,
        node.Span,
        form,
        OneLine(node.ToString()),
        OneLine(mutated),
        cast));

    private static string OneLine(string text) => string.Join(' ', text.Split([' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));

    private static string MemberOf(SyntaxNode node) => node.Ancestors().OfType<MemberDeclarationSyntax>().First() switch
    {
        MethodDeclarationSyntax method => method.Identifier.Text,
        PropertyDeclarationSyntax property => property.Identifier.Text,
        ConstructorDeclarationSyntax => "ctor",
        FieldDeclarationSyntax field => field.Declaration.Variables[0].Identifier.Text,
        var other => other.Kind().ToString(),
    };
}
