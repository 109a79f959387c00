namespace VhostNet.Style;

/// <summary>Functions have at most 70 lines. Those that were longer when the rule came are listed, and the list only gets shorter.</summary>
public sealed class FunctionLengthTests
{
    private const int Longest = 70;

    private static readonly Lazy<(string Key, int Lines, string Where)[]> s_long = new(static () =>
    [
        .. from file in Repository.CSharp
           from function in SourceFunction.In(file.Code)
           where function.Lines > Longest
           select ($"{file.Path} {function.Name}", function.Lines, $"{file.Path}:{function.Line} {function.Name}"),
    ]);

    [Fact]
    public void FunctionsAreShort()
    {
        Dictionary<string, int> allowed = Allowed();
        Repository.AssertNone(
            from function in s_long.Value
            where function.Lines > (allowed.TryGetValue(function.Key, out int most) ? most : Longest)
            select $"{function.Where}: {function.Lines} lines",
            $"A function has at most {Longest} lines (those in tests/Style/LongFunctions.txt: no more than there).");
    }

    [Fact]
    public void TheListOnlyGetsShorter()
    {
        Dictionary<string, int> present = s_long.Value.GroupBy(static f => f.Key).ToDictionary(static g => g.Key, static g => g.Max(static f => f.Lines));
        Repository.AssertNone(
            from entry in Allowed()
            let now = present.TryGetValue(entry.Key, out int lines) ? lines : 0
            where now < entry.Value
            select $"{entry.Key}: {entry.Value} -> {(now == 0 ? "remove it" : now)}",
            "These functions have become shorter; write the new length into tests/Style/LongFunctions.txt.");
    }

    [Fact]
    public void TheCounterCounts()
    {
        const string code = """"
            class C
            {
                // { a brace in a comment }
                private string A(int x) // {
                {
                    string s = $"{x switch { 1 => "}", _ => @"{""" }}";
                    char c = '{';
                    if (x > 0)
                    {
                        Run(() =>
                        {
                        });
                    }

                    return s + c;
                }

                public C() { }
            }
            """";
        Assert.Equal([("A", 13), ("C", 1)], SourceFunction.In(SourceText.CodeOf(code)).Select(static f => (f.Name, f.Lines)));
    }

    private static Dictionary<string, int> Allowed() => RatchetList.Read("tests/Style/LongFunctions.txt");
}
