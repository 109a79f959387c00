using System.CommandLine;
using VhostNet.Aio;
using VhostNet.Daemon.Cli;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Cli;

public sealed class QuickFormTests
{
    private const string Socket = "/run/vhostnet/guest.sock";

    [Fact]
    public void OneGuestAndOneUplinkAreWired()
    {
        DaemonOptions options = Read("--socket-path", Socket, "--uplink", "responder,dhcp=off,dns=1.1.1.1,dns=8.8.8.8");

        Assert.Equal(new NetworkOptions("net", "wire"), Assert.Single(options.Networks));
        Assert.Equal(["guest", "uplink"], options.Ports.Select(p => p.Name));
        Assert.All(options.Ports, p => Assert.Equal("net", p.Network));
        Assert.Equal(new SocketOptions { Path = Socket }, options.Ports[0].Socket);
        Assert.Equal("responder", options.Ports[1].Kind);
        Assert.Empty(options.Threads);
        Assert.Null(options.Control);
    }

    [Fact]
    public void TheHairpinIsANetworkWithoutUplink()
    {
        DaemonOptions options = Read("--socket-path", Socket, "--uplink", "hairpin");
        Assert.Equal("hairpin", Assert.Single(options.Networks).Kind);
        Assert.Single(options.Ports);
    }

    [Fact]
    public void EveryOptionHasItsMeaning()
    {
        DaemonOptions options = Read(
            "--socket-path", Socket, "--uplink", "null", "--poll", "busy", "--cpu", "1", "--queue-pairs", "4", "--mtu", "9000", "--socket-mode", "660",
            "--socket-owner", "root", "--socket-group", "kvm", "--control", "/run/c.sock", "--prometheus", "unix:/run/m.sock", "--state-directory", "/var/lib/v",
            "--log-level", "debug", "--client");

        ThreadOptions thread = Assert.Single(options.Threads);
        Assert.Equal((PollPolicy.Busy, 1), (thread.Poll, thread.Cpu));
        PortOptions guest = options.Ports[0];
        Assert.Equal((4, 9000), (guest.QueuePairs, guest.Mtu));
        Assert.Equal((4, 9000), (options.Ports[1].QueuePairs, options.Ports[1].Mtu));
        Assert.Equal(new SocketOptions { Path = Socket, Mode = 0x1B0, Owner = "root", Group = "kvm", IsClient = true }, guest.Socket);
        Assert.Equal("/run/c.sock", options.Control!.Path);
        Assert.Equal("/run/m.sock", options.Metrics.Prometheus!.Path);
        Assert.Equal("/var/lib/v", options.StateDirectory);
        Assert.Equal(Serilog.Events.LogEventLevel.Debug, options.Log.Level);
    }

    [Fact]
    public void ARelativePathIsTakenFromTheWorkingDirectory() =>
        Assert.Equal(Path.GetFullPath("guest.sock"), Read("--socket-path", "guest.sock", "--uplink", "null").Ports[0].Socket!.Path);

    [Theory]
    [InlineData("neither --socket-path, --fd nor --config is given; for example: vhostnetd --socket-path /run/vhostnet/guest.sock")]
    [InlineData("--socket-path and --fd exclude each other; give one of them", "--socket-path", Socket, "--fd", "3")]
    [InlineData("--uplnk: unknown option; did you mean --uplink?", "--socket-path", Socket, "--uplnk", "null")]
    [InlineData("--xyzzy=1: unknown option; vhostnetd --help lists the options", "--socket-path", Socket, "--xyzzy=1")]
    [InlineData("guest.sock: an argument that no option takes; vhostnetd --help lists the options", "guest.sock")]
    [InlineData("--poll bussy: unknown; did you mean \"busy\"?", "--socket-path", Socket, "--uplink", "null", "--poll", "bussy")]
    [InlineData("--queue-pairs 0: a whole number from 1 to 128 is expected", "--socket-path", Socket, "--queue-pairs", "0")]
    [InlineData("--mtu 10: a whole number from 68 to 65535 is expected", "--socket-path", Socket, "--mtu", "10")]
    [InlineData("--socket-mode: \"rw\" is no file mode; write it in octal as chmod does, for example \"0660\"", "--socket-path", Socket, "--uplink", "null", "--socket-mode", "rw")]
    [InlineData("--uplink fish: \"fish\" is unknown; known here: ", "--socket-path", Socket, "--uplink", "fish")]
    [InlineData("--uplink tpa:tap0: \"tpa\" is unknown; did you mean \"tap\"?", "--socket-path", Socket, "--uplink", "tpa:tap0")]
    [InlineData("--uplink tap:tap0,brdge=x: brdge: unknown key; did you mean \"bridge\"?", "--socket-path", Socket, "--uplink", "tap:tap0,brdge=x")]
    [InlineData("--uplink responder,lease-count=x: leaseCount: \"x\" stands where a whole number from 1 to 4096 is expected", "--socket-path", Socket, "--uplink", "responder,lease-count=x")]
    [InlineData("--uplink responder:x: \"x\" stands where KEY=VALUE is expected", "--socket-path", Socket, "--uplink", "responder:x")]
    [InlineData("--uplink responder,dhcp=maybe: dhcp: \"maybe\" stands where on or off is expected", "--socket-path", Socket, "--uplink", "responder,dhcp=maybe")]
    [InlineData("--prometheus: 10.0.0.1 is not a loopback address", "--socket-path", Socket, "--uplink", "null", "--prometheus", "10.0.0.1:9464")]
    [InlineData("--fd -1: a whole number from 0 to 2147483647 is expected; whoever starts this", "--uplink", "null", "--fd", "-1")]
    [InlineData("--client connects to a path; it can't be used with --fd", "--uplink", "null", "--fd", "3", "--client")]
    [InlineData("--uplink belongs to the quick form and can't be used with --config; put its setting into the file", "--config", "x.json", "--uplink", "null")]
    [InlineData("--config /nonexistent/x.json: there is no such file; examples are in deploy/examples", "--config", "/nonexistent/x.json")]
    public void AMistakeIsNamedWithItsRemedy(string expected, params string[] arguments)
    {
        RefusalException e = Assert.ThrowsAny<RefusalException>(() => Read(arguments));
        Assert.Equal(ExitCode.Usage, ExitCodes.Of(e.Kind));
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void ANumberThatIsNoneIsNamed()
    {
        RefusalException e = Assert.Throws<RefusalException>(() => Read("--socket-path", Socket, "--queue-pairs", "two"));
        Assert.Contains("--queue-pairs", e.Message, StringComparison.Ordinal);
        Assert.Contains("two", e.Message, StringComparison.Ordinal);
    }

    private static DaemonOptions Read(params string[] arguments)
    {
        var line = new CommandLine();
        ParseResult result = line.Parse(arguments);
        return QuickForm.Read(line, result);
    }
}
