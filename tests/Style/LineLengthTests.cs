namespace VhostNet.Style;

/// <summary>Lines of src end at 160 columns. Those that were longer when the rule came are counted in a list, which only gets shorter.</summary>
public sealed class LineLengthTests
{
    private const int Longest = 160;

    [Fact]
    public void LinesEndInTime()
    {
        Dictionary<string, int> allowed = Allowed();
        Repository.AssertNone(
            from file in Repository.Product
            let count = CountLong(file)
            where count > allowed.GetValueOrDefault(file.Path)
            select $"{file.Path}: {count} lines, as line {Array.FindIndex(file.Lines, static l => l.Length > Longest) + 1}",
            $"A line has at most {Longest} columns (files in tests/Style/LongLines.txt: no more of them than there).");
    }

    [Fact]
    public void TheListOnlyGetsShorter()
    {
        var present = Repository.Product.ToDictionary(static f => f.Path, CountLong);
        Repository.AssertNone(
            from entry in Allowed()
            let now = present.GetValueOrDefault(entry.Key)
            where now < entry.Value
            select $"{entry.Key}: {entry.Value} -> {(now == 0 ? "remove it" : now)}",
            "These files have fewer long lines; write the new number into tests/Style/LongLines.txt.");
    }

    /// <summary>The canary.</summary>
    [Theory]
    [InlineData(160, 0)]
    [InlineData(161, 1)]
    public void ALongLineIsSeen(int columns, int count) => Assert.Equal(count, CountLong(new SourceFile("src/X/X.cs", "short\n" + new string('x', columns) + "\nshort")));

    private static int CountLong(SourceFile file) => file.Lines.Count(static l => l.Length > Longest);

    private static Dictionary<string, int> Allowed() => RatchetList.Read("tests/Style/LongLines.txt");
}
