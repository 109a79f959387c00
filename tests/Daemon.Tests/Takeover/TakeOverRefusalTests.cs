using System.Net;
using System.Net.Sockets;
using System.Text;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Tests.Process;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>What can't be taken over: places where no vhostnetd listens, other users' daemons, and ports that can't come along.</summary>
public sealed class TakeOverRefusalTests : IAsyncLifetime
{
    private readonly TakeOverRig _rig = new();

    public ValueTask InitializeAsync()
    {
        Configure(string.Empty);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task ASocketAtWhichNobodyListens() => await RefusedAsync("nobody answers there (*); name the control socket of a vhostnetd that runs", _rig.File("absent"));

    [Theory]
    [InlineData("")]
    [InlineData("220 mail.example.org ESMTP\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html></html>")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n{\"socket\": \"\"}")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n{\"socket\": 7}")]
    [InlineData("HTTP/1.1 404 Not Found\r\n\r\nnothing")]
    public async Task ASocketOfAnotherProgram(string answer)
    {
        using Task served = AnswerOnce(_rig.File("other"), answer);
        await RefusedAsync("what listens there is no control socket of a vhostnetd*", _rig.File("other"));
        await served;
    }

    [Fact]
    public async Task ASocketThatIsPromisedAndNotThere()
    {
        using Task served = AnswerOnce(_rig.File("other"), "HTTP/1.1 200 OK\r\n\r\n{\"socket\": \"vhostnetd-nowhere\"}");
        await RefusedAsync("connect to the socket '@vhostnetd-nowhere': *", _rig.File("other"));
        await served;
    }

    [Fact]
    public async Task ASocketOfMetrics()
    {
        Configure($$""", "metrics": {"prometheus": "unix:{{_rig.File("metrics.sock")}}"}""");
        await _rig.StartAsync();
        await RefusedAsync("the vhostnetd there is of a version that can't be taken over, or what listens there serves metrics only", _rig.File("metrics.sock"));
    }

    [Fact]
    public async Task AnotherUsersDaemon()
    {
        await _rig.StartAsync();
        Assert.Equal(0, chmod(Path.GetDirectoryName(_rig.Control)!, 0x1ff));
        Assert.Equal(0, chmod(_rig.Control, 0x1ff));
        Assert.Equal(0, chmod(_rig.Configuration, 0x1ff));
        await using ChildProcess stranger = await ChildProcess.StartAsync(
            "stranger", "setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", Repository.Daemon, "--config", _rig.Configuration, "--take-over", _rig.Control]);
        Assert.Equal(3, await stranger.WaitForExitAsync(TakeOverRig.Limit));
        Assert.Contains("user 65534 may not take over a daemon of user 0; only that user and root may", stranger.Output.ToString(), StringComparison.Ordinal);
        Assert.False(_rig.Present.Exited.IsCompleted);
    }

    [Fact]
    public void OnlyTheSameUserAndRootAreBelieved()
    {
        Assert.True(PeerAccount.MayHandOver(0, 1000));
        Assert.True(PeerAccount.MayHandOver(1000, 1000));
        Assert.False(PeerAccount.MayHandOver(1001, 1000));
        Assert.False(PeerAccount.MayHandOver(1000, 0));
    }

    [Fact]
    public async Task AUserPort()
    {
        Configure(string.Empty, """{"name": "nat", "kind": "user"}""");
        await _rig.StartAsync();
        await RefusedAsync("process *, which goes on, says: port nat: the flows of a user port live in libslirp and can't be handed over; *", _rig.Control);
        Assert.False(_rig.Present.Exited.IsCompleted);
    }

    [Fact]
    public async Task APortThatIsCaptured()
    {
        await _rig.StartAsync();
        using ControlClient client = _rig.Client();
        (HttpStatusCode status, string body) = await client.SendAsync(HttpMethod.Post, "/ports/a/capture", $$"""{"file": "{{_rig.File("a.pcap")}}"}""");
        Assert.True(status is HttpStatusCode.OK or HttpStatusCode.Created, body);
        await RefusedAsync("process *, which goes on, says: a capture of port a runs and can't be handed over; end it first (DELETE /ports/a/capture)", _rig.Control);
        await client.SendAsync(HttpMethod.Delete, "/ports/a/capture");
        await _rig.TakeOverAsync();
    }

    private static Task AnswerOnce(string path, string answer)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return Task.Run(async () =>
        {
            using (listener)
            {
                using Socket client = await listener.AcceptAsync();
                byte[] request = new byte[4096];
                await client.ReceiveAsync(request);
                await client.SendAsync(Encoding.ASCII.GetBytes(answer));
            }
        });
    }

    private void Configure(string more, string ports = "")
    {
        _rig.Configure("""{"name": "net", "kind": "wire"}""", ports.Length > 0 ? ports : _rig.Port("a", "net"), more);
    }

    private async Task RefusedAsync(string reason, string control)
    {
        (int status, string said) = await _rig.TryTakeOverAsync(control);
        string pattern = System.Text.RegularExpressions.Regex.Escape($"--take-over {control}: {reason}").Replace("\\*", ".*", StringComparison.Ordinal);
        Assert.Matches(pattern, said);
        Assert.Equal(3, status);
    }
}
