using System.Net;
using System.Text.RegularExpressions;
using VhostNet.Daemon.Tests.Process;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Docs;

/// <summary>The manual's examples of live change are sent, in their order, to a daemon.</summary>
public sealed class LiveExamplesTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task EveryExampleIsAccepted()
    {
        string control = _directory.File("control.sock");
        string config = _directory.File("config.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "control": {"path": "{{control}}"}, "threads": [{"name": "io0"}]
            }
            """);
        await using VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(_directory, ["--config", config]);
        using var client = new ControlClient(control);
        string manual = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "operating.md"));
        MatchCollection examples = Regex.Matches(manual, "^vn (?:-X (?<method>[A-Z]+) )?'?http://d(?<path>[^ \\n']+)'?(?: -d '(?<body>.*)')?$", RegexOptions.Multiline);
        Assert.Equal(manual.Split("\nvn ").Length - 1, examples.Count);
        foreach (Match example in examples)
        {
            string method = example.Groups["method"] is { Success: true } given ? given.Value : "GET";
            string? body = example.Groups["body"] is { Success: true } data
                ? data.Value.Replace("/run/vhostnet", _directory.Path, StringComparison.Ordinal).Replace("/var/lib/vhostnet", _directory.Path, StringComparison.Ordinal)
                : null;
            (HttpStatusCode status, string answer) = await client.SendAsync(new HttpMethod(method), example.Groups["path"].Value, body);
            Assert.True((int)status is >= 200 and < 300, $"{example.Value}\n{(int)status} {answer}");
        }
    }
}
