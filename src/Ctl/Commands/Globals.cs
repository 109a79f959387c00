using System.CommandLine;
using VhostNet.Ctl.Client;

namespace VhostNet.Ctl.Commands;

/// <summary>The options that every command has.</summary>
internal static class Globals
{
    /// <summary>Where the daemon listens when nothing else is said.</summary>
    public const string DefaultSocket = "/run/vhostnet/control.sock";

    /// <summary>The environment variable that says it.</summary>
    public const string SocketVariable = "VHOSTNETCTL_SOCKET";

    /// <summary>--socket.</summary>
    public static Option<string> Socket { get; } = new("--socket")
    {
        HelpName = "PATH",
        Description = $"the daemon's control socket; without it ${SocketVariable}, or {DefaultSocket}",
        Recursive = true,
    };

    /// <summary>--json.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "print JSON, as the daemon answered", Recursive = true };

    /// <summary>Makes a client of the socket that was asked for.</summary>
    public static ControlClient Client(ParseResult result) => new(SocketPath(result.GetValue(Socket)));

    /// <summary>The socket that was asked for.</summary>
    public static string SocketPath(string? given) =>
        given ?? (Environment.GetEnvironmentVariable(SocketVariable) is { Length: > 0 } path ? path : DefaultSocket);
}
