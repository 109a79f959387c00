using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VhostNet.Mutation.Sites;

/// <summary>
/// Atomic operations as plain ones. Volatile reads and writes are left alone: on x86-64 they are plain moves; the models and the litmus tests judge those.
/// </summary>
internal static class Atomics
{
    /// <summary>The statement that does the same without being atomic; null for anything else.</summary>
    public static string? Plain(ExpressionSyntax expression)
    {
        if (expression is not InvocationExpressionSyntax { ArgumentList.Arguments: { Count: > 0 } arguments } call
            || !call.Expression.ToString().StartsWith("Interlocked.", StringComparison.Ordinal))
        {
            return null;
        }

        string target = arguments[0].Expression.ToString();
        string value = arguments.Count > 1 ? arguments[1].ToString() : string.Empty;
        return call.Expression.ToString()["Interlocked.".Length..] switch
        {
            "Increment" => $"{target}++;",
            "Decrement" => $"{target}--;",
            "Add" => $"{target} += {value};",
            "Exchange" => $"{target} = {value};",
            "Or" => $"{target} |= {value};",
            "And" => $"{target} &= {value};",
            _ => null,
        };
    }
}
