namespace VhostNet.EndToEnd;

/// <summary>The system calls that a unit under deploy/ allows: SystemCallFilter= is an allow list there, of names and of systemd's sets.</summary>
internal static class UnitCallList
{
    private const string Key = "SystemCallFilter=";

    /// <summary>Reads a unit; systemd-analyze says what is in a set.</summary>
    public static async Task<HashSet<string>> ReadAsync(string unit)
    {
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "deploy", "systemd", unit));
        var allowed = new HashSet<string>(StringComparer.Ordinal);
        foreach (string word in lines.Where(l => l.StartsWith(Key, StringComparison.Ordinal)).SelectMany(l => l[Key.Length..].Split(' ')))
        {
            Assert.False(word.StartsWith('~'), $"{unit}: {word} takes calls away, which this reader does not understand");
            if (word.StartsWith('@'))
            {
                allowed.UnionWith(await SetAsync(word));
            }
            else
            {
                allowed.Add(word);
            }
        }

        Assert.NotEmpty(allowed);
        return allowed;
    }

    private static async Task<IEnumerable<string>> SetAsync(string name)
    {
        await using ChildProcess process = await ChildProcess.StartAsync("systemd-analyze", "systemd-analyze", ["syscall-filter", "--no-pager", name]);
        Assert.Equal(0, await process.WaitForExitAsync(TimeSpan.FromSeconds(20)));
        return process.Output.ToString().Split('\n').Where(l => l.StartsWith(' ')).Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#');
    }
}
