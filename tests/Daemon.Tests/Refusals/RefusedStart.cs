using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>Starts the daemon where it has to refuse, in a directory of its own with a live socket in it.</summary>
internal sealed class RefusedStart : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private readonly TestDirectory _directory = new();
    private readonly Socket _live = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TcpListener _tcp = new(IPAddress.Loopback, 0);

    public RefusedStart()
    {
        _live.Bind(new UnixDomainSocketEndPoint(_directory.File("live")));
        _live.Listen();
        _tcp.Start();
    }

    public void Dispose()
    {
        _tcp.Dispose();
        _live.Dispose();
        _directory.Dispose();
    }

    /// <summary>Runs it and returns exit status and output.</summary>
    public async Task<(int Status, string Output)> RunAsync(Refusal refusal)
    {
        await ChildProcess.RunAsync("sh", ["-c", $"cd {_directory.Path} && chmod 755 . && {refusal.Before ?? "true"}"]);
        var arguments = new List<string>();
        foreach (string argument in refusal.Arguments.Select(Fill))
        {
            if (argument.StartsWith('{'))
            {
                await File.WriteAllTextAsync(_directory.File("c.json"), argument);
                arguments.AddRange(["--config", _directory.File("c.json")]);
            }
            else
            {
                arguments.Add(argument);
            }
        }

        string[] environment = refusal.Environment is null ? [] : [Fill(refusal.Environment)];
        string[] identity = refusal.AsNobody ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : refusal.WithoutNetwork ? ["unshare", "-n"] : [];
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd", "env", [.. environment, .. identity, "sh", "-c", "LISTEN_PID=$$ exec \"$0\" \"$@\"", Repository.Daemon, .. arguments]);
        return (await daemon.WaitForExitAsync(s_timeout), daemon.Output.ToString());
    }

    /// <summary>The one line that is expected, as a pattern.</summary>
    public string Pattern(Refusal refusal) => $"^vhostnetd: {Regex.Escape(Fill(refusal.Text)).Replace("\\*", "[^\\n]*", StringComparison.Ordinal)}\n\\z";

    private string Fill(string text) => text
        .Replace("{d}", _directory.Path, StringComparison.Ordinal)
        .Replace("{tcp}", string.Create(CultureInfo.InvariantCulture, $"{_tcp.LocalEndpoint}"), StringComparison.Ordinal);
}
