using System.Net;

namespace VhostNet.EndToEnd;

/// <summary>
/// The daemon is replaced by another process under a Linux guest's traffic. The guest's front end would not connect again: a disconnect would end its network.
/// </summary>
public sealed class TakeOverTests : EndToEndTest
{
    private const string Host = "10.50.0.1";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private NetworkNamespace _network = null!;
    private ChildProcess? _present;

    private string Control => Directory.File("control.sock");

    [Theory]
    [InlineData("")]
    [InlineData("packed=on")]
    [InlineData("event_idx=off,indirect_desc=off")]
    public async Task AGuestOnATapLosesNoPing(string properties)
    {
        QemuGuest guest = await BootOnTapAsync(properties);
        Task<int> answered = guest.PingAsync(Host, 400, "-i 0.01");
        for (int i = 0; i < 5; i++)
        {
            await TakeOverAsync();
        }

        Assert.Equal(400, await answered);
        Assert.Equal(10, await guest.PingAsync(Host, 10, "-i 0.1"));
        await EndAsync();
    }

    [Fact]
    public async Task ATransferGoesOnUnaltered()
    {
        QemuGuest guest = await BootOnTapAsync(string.Empty);
        Task transfer = TcpTransfer.RunAsync(guest, _network, IPAddress.Parse(Host), 256, s_limit);
        int count = 0;
        while (!transfer.IsCompleted && count < 20)
        {
            await TakeOverAsync();
            count++;
        }

        await transfer;
        Assert.True(count > 0);
        await EndAsync();
    }

    private async Task<QemuGuest> BootOnTapAsync(string properties)
    {
        _network = await CreateNamespaceAsync();
        await _network.CreateTapAsync("tap0", Host + "/24");
        await StartDaemonAsync("tap:tap0", _network, "--control", Control);
        QemuGuest guest = await BootAsync(properties);
        await guest.ConfigureAsync("10.50.0.2/24");
        await guest.PingUntilAnsweredAsync(Host, s_limit);
        return guest;
    }

    private async Task TakeOverAsync()
    {
        ChildProcess next = await ChildProcess.StartAsync(
            "next", Repository.Daemon, ["--socket-path", SocketPath, "--uplink", "tap:tap0", "--control", Control, "--take-over", Control], inside: _network);
        Task done = next.Output.WaitForAsync("^vhostnetd has taken over$", s_limit);
        if (await Task.WhenAny(done, next.Exited) != done)
        {
            throw next.Output.Failure("ended instead of taking over");
        }

        await done;
        await EndAsync();
        _present = next;
    }

    private async Task EndAsync()
    {
        if (_present is not null)
        {
            await _present.DisposeAsync();
            _present = null;
        }
    }
}
