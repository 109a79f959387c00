using System.Globalization;
using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>
/// Who may connect, tried by users of their own: the daemon runs as the units have it, under a user, a group and the units' umask. A member of the group reaches
/// every socket as the manual says, and a stranger none.
/// </summary>
public sealed class SocketPermissionTests : IDisposable
{
    private const int Service = 61001;
    private const int Group = 61002;
    private const int Member = 61003;
    private const int Stranger = 61004;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private readonly TestDirectory _directory = new();

    private string Sockets => _directory.File("run");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("vhostnetd.service")]
    [InlineData("vhostnetd@.service")]
    public async Task AMemberOfTheGroupReachesEverySocketAndAStrangerNone(string unit)
    {
        await PrepareAsync(Setting(unit, "RuntimeDirectoryMode"));
        string config = _directory.File("config.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "networks": [{"name": "lan", "kind": "switch"}],
              "ports": [{"name": "vm0", "kind": "vhost-user", "network": "lan", "socket": {"path": "{{Sockets}}/vm0.sock"} }],
              "control": {"path": "{{Sockets}}/control.sock"}
            }
            """);
        await using ChildProcess daemon = await StartAsync(Setting(unit, "UMask"), "--config", config);

        // The manual's PUT, sent by the member.
        string port = $$"""{"kind": "vhost-user", "network": "lan", "socket": {"path": "{{Sockets}}/vm7.sock"} }""";
        (int status, string output) = await AsAsync(Member, "curl", "-sS", "--fail-with-body", "--unix-socket", $"{Sockets}/control.sock", "-X", "PUT", "http://d/ports/vm7", "-d", port);
        Assert.True(status == 0, output);
        await CheckAsync("control.sock", "vm0.sock", "vm7.sock");
    }

    [Fact]
    public async Task TheQuickFormIsNoOther()
    {
        await PrepareAsync(Setting("vhostnetd@.service", "RuntimeDirectoryMode"));
        await using ChildProcess daemon = await StartAsync(
            Setting("vhostnetd@.service", "UMask"), "--socket-path", $"{Sockets}/vm0.sock", "--control", $"{Sockets}/vm0.control", "--uplink", "null");
        await CheckAsync("vm0.sock", "vm0.control");
    }

    private static string Setting(string unit, string name) =>
        Regex.Match(File.ReadAllText(Path.Combine(Repository.Root, "deploy", "systemd", unit)), $"^{name}=(.*)$", RegexOptions.Multiline).Groups[1].Value;

    private async Task CheckAsync(params string[] sockets)
    {
        foreach (string socket in sockets)
        {
            (int status, string output) = await ConnectAsync(Member, socket);
            Assert.True(status == 0, $"the member can't connect to {socket}: {output}");
            (status, output) = await ConnectAsync(Stranger, socket);
            Assert.True(status != 0 && output.Contains("Permission denied", StringComparison.Ordinal), $"a stranger connects to {socket}: {output}");
        }
    }

    private Task<(int Status, string Output)> ConnectAsync(int user, string socket) => AsAsync(user, "socat", "-u", "OPEN:/dev/null", $"UNIX-CONNECT:{Sockets}/{socket}");

    private static async Task<(int Status, string Output)> AsAsync(int user, params string[] command)
    {
        string groups = user == Member ? $"{Group}" : user.ToString(CultureInfo.InvariantCulture);
        await using ChildProcess process = await ChildProcess.StartAsync(command[0], "setpriv", ["--reuid", $"{user}", "--regid", $"{user}", "--groups", groups, "--", .. command]);
        return (await process.WaitForExitAsync(s_timeout), process.Output.ToString());
    }

    private async Task PrepareAsync(string mode) => await ChildProcess.RunAsync(
        "sh", ["-c", $"chmod 755 {_directory.Path} && install -d -m {mode} -o {Service} -g {Group} {Sockets}"]);

    private static async Task<ChildProcess> StartAsync(string umask, params string[] arguments)
    {
        string[] identity = ["setpriv", "--reuid", $"{Service}", "--regid", $"{Group}", "--clear-groups", "--"];
        ChildProcess daemon = await ChildProcess.StartAsync("vhostnetd", "sh", ["-c", $"umask {umask}; exec \"$0\" \"$@\"", .. identity, Repository.Daemon, .. arguments]);
        await daemon.Output.WaitForAsync("vhostnetd .* is ready", s_timeout);
        return daemon;
    }
}
