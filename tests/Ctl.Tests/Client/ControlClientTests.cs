using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Client;

/// <summary>Whatever listens on a control socket, this program ends with a sentence.</summary>
public sealed class ControlClientTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 1}")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5;x=y\r\n\": 1}\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n{\"a\": 1}")]
    public void AnAnswerIsReadHoweverItIsFramed(string answer)
    {
        foreach (string[] pieces in new string[][] { [answer], [.. answer.Select(c => c.ToString())] })
        {
            using var server = new ScriptedServer(pieces);
            using var client = new ControlClient(server.Path);
            Assert.Equal(1, client.Get("/").GetProperty("a").GetInt32());
            Assert.Equal(1, client.Get("/").GetProperty("a").GetInt32());
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 400 X\r\nContent-Length: 17\r\n\r\n{\"error\": \"so.\"} ", CtlExit.Wrong, "so.")]
    [InlineData("HTTP/1.1 409 X\r\nContent-Length: 16\r\n\r\n{\"error\": \"so.\"}", CtlExit.Refused, "so.")]
    [InlineData("HTTP/1.1 503 X\r\nContent-Length: 16\r\n\r\n{\"error\": \"so.\"}", CtlExit.Refused, "so.")]
    [InlineData("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", CtlExit.Internal, "the daemon answered 500 without a reason")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", CtlExit.Unreachable, "is no JSON")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", CtlExit.Unreachable, "ended the connection before it had answered")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", CtlExit.Unreachable, "a chunk without a size")]
    [InlineData("SSH-2.0-OpenSSH\r\n", CtlExit.Unreachable, "does not speak HTTP")]
    [InlineData("", CtlExit.Unreachable, "ended the connection before it had answered")]
    public void AnAnswerThatIsNoneIsASentence(string answer, int exit, string expected)
    {
        using var server = new ScriptedServer(answer);
        using var client = new ControlClient(server.Path);
        CtlException e = Assert.Throws<CtlException>(() => client.Get("/status"));
        Assert.Equal((CtlExit)exit, e.Exit);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALineWithoutEndIsNotKept()
    {
        using var server = new ScriptedServer("HTTP/1.1 200 OK\r\n" + new string('x', 100_000));
        using var client = new ControlClient(server.Path);
        Assert.Contains("a line without end", Assert.Throws<CtlException>(() => client.Get("/")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASocketThatIsMissingDeadOrTooLongIsNamed()
    {
        using var directory = new TestDirectory();
        string path = directory.File("none.sock");
        Assert.Contains("there is no such socket", Refusal(path), StringComparison.Ordinal);
        using (var gone = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            gone.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
            File.Move(path, directory.File("kept.sock"));
        }

        Assert.Contains("nobody answers there", Refusal(directory.File("kept.sock")), StringComparison.Ordinal);
        Assert.Contains("107 bytes", Refusal("/" + new string('x', 200)), StringComparison.Ordinal);
    }

    [Fact]
    public void ANameIsEscaped() => Assert.Equal("/ports/a%2Fb%3F/capture", ControlClient.Address("ports", "a/b?", "/capture"));

    private static string Refusal(string path)
    {
        using var client = new ControlClient(path);
        return Assert.Throws<CtlException>(() => client.Get("/")).Message;
    }
}
