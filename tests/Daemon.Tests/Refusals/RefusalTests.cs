namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>Every refusal to start: its text, its exit status, and that it is the only line.</summary>
public sealed class RefusalTests
{
    private static readonly Refusal[] s_all = [.. CommandLineRefusals.All, .. ConfigurationRefusals.All, .. MachineRefusals.All];

    // Texts that no start of a test can bring about, and why.
    private static readonly Dictionary<string, string> s_elsewhere = new(StringComparer.Ordinal)
    {
        ["where the capture is written, an absolute path on the daemon's machine"] = "the control API asks for captures",
        ["\" is no absolute path; the daemon's working directory is not yours"] = "the control API asks for captures",
        ["can't be started:"] = "this program's own file would have to be gone",
        ["--take-over:"] = "it takes a daemon that hands over what does not fit: Takeover, HandoverRefusalTests",
        ["\" is no kind of network"] = "the configuration's reader refuses it before",
        ["the sandbox refuses to bind threads: under systemd copy cpu.conf into the unit's drop-in directory"] = "it takes a unit: EndToEnd, SystemdTests.AThreadIsBoundToACpuWithItsDropIn",
    };

    public static TheoryData<int, string> Rows => [.. s_all.Select((r, i) => (i, $"{string.Join(' ', r.Arguments)}"))];

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task AStartIsRefusedInOneLine(int row, string arguments)
    {
        using var start = new RefusedStart();
        (int status, string output) = await start.RunAsync(s_all[row]);
        Assert.True(System.Text.RegularExpressions.Regex.IsMatch(output, start.Pattern(s_all[row])), $"{arguments}\n{output}instead of\n{s_all[row].Text}");
        Assert.Equal(s_all[row].Status, status);
    }

    /// <summary>Whoever writes a refusal adds a row.</summary>
    [Fact]
    public void EveryRefusalInTheSourceHasItsRow()
    {
        (string File, string Text)[] texts = [.. SourceTexts.All()];
        Assert.InRange(texts.Length, 80, 400);
        string rows = string.Join('\n', s_all.Select(r => r.Text));
        Assert.Empty(texts.Where(t => !rows.Contains(t.Text.Trim(), StringComparison.Ordinal) && !s_elsewhere.ContainsKey(t.Text.Trim())).Select(t => $"{t.File}: {t.Text.Trim()}"));
    }
}
