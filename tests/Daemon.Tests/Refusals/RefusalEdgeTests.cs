using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>
/// The daemon's inner rooms refuse in words: what a refusal is as a number of HTTP or of the process is known at the edges alone. Who makes a port is known to one file.
/// </summary>
public sealed partial class RefusalEdgeTests
{
    private static readonly string s_daemon = Path.Combine(Repository.Root, "src", "Daemon");

    [Theory]
    [InlineData("Common")]
    [InlineData("Configuration")]
    [InlineData("Systemd")]
    [InlineData("Logs")]
    [InlineData("Metrics")]
    [InlineData("Hosting")]
    [InlineData("Changes")]
    public void AnInnerRoomKnowsNeitherHttpNorExitCodes(string room) =>
        Assert.Empty(Files(room).Where(f => Edge().IsMatch(File.ReadAllText(f))).Select(Path.GetFileName));

    [Fact]
    public void OnlyTheFactoryMakesPorts()
    {
        string[] makers = [.. Files(".").Where(f => MakesPort().IsMatch(File.ReadAllText(f))).Select(f => Path.GetFileName(f)!)];
        Assert.Equal(["PortFactory.cs"], makers);
    }

    private static IEnumerable<string> Files(string room) => Directory.EnumerateFiles(Path.Combine(s_daemon, room), "*.cs", SearchOption.AllDirectories);

    [GeneratedRegex(@"\bAspNetCore\b|\bStatusCodes\b|\bHttpStatus\b|\bExitCodes?\b")]
    private static partial Regex Edge();

    [GeneratedRegex(@"new (VhostUser|User|Tap|Datagram|Stream|AfPacket|Responder|Pcap|Null|Generator)Port\(")]
    private static partial Regex MakesPort();
}
