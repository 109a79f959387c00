using System.CommandLine;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Configuration.Ports;

namespace VhostNet.Daemon.Cli;

/// <summary>The options of the program. <see cref="QuickForm"/> says what those of the quick form mean.</summary>
internal sealed class CommandLine
{
    /// <summary>What every error that concerns the command line ends with.</summary>
    public const string HelpHint = "vhostnetd --help lists the options";

    private readonly RootCommand _root;

    /// <summary>Defines the options.</summary>
    public CommandLine()
    {
        _root = new RootCommand(
            "Gives virtual machines their network: a vhost-user back end for QEMU and others.\n" +
            "Quick form: vhostnetd --socket-path PATH [--uplink KIND]. Full form: vhostnetd --config FILE.")
        {
            SocketPath, Fd, Config, Uplink, Client, Poll, Cpu, QueuePairs, Mtu, SocketMode, SocketOwner, SocketGroup, Control, Prometheus,
            StateDirectory, LogLevel, TakeOver, Detach, CheckConfig, PrintSchema, PrintCapabilities,
        };
    }

    /// <summary>All options, those of System.CommandLine too.</summary>
    public IEnumerable<Option> Options => _root.Options;

    /// <summary>--socket-path.</summary>
    public Option<string> SocketPath { get; } = New<string>("--socket-path", "PATH", "Unix socket for the guest's front end");

    /// <summary>--fd. Numbers are texts to the parser: what it says of a wrong one names a type of the runtime.</summary>
    public Option<string> Fd { get; } = New<string>("--fd", "N", "inherited descriptor of a vhost-user socket, instead of --socket-path");

    /// <summary>--config.</summary>
    public Option<string> Config { get; } = New<string>("--config", "FILE", "configuration file (JSON), instead of the quick form");

    /// <summary>--uplink.</summary>
    public Option<string> Uplink { get; } = New<string>(
        "--uplink", "KIND", $"where the guest's frames go: hairpin, {string.Join(", ", PortKinds.Names)}, with options as in tap:NAME");

    /// <summary>--client.</summary>
    public Option<bool> Client { get; } = New<bool>("--client", null, "connect to a front end that listens, again and again, instead of listening");

    /// <summary>--poll.</summary>
    public Option<string> Poll { get; } = New<string>("--poll", "POLICY", "how threads wait: interrupt, adaptive (default) or busy");

    /// <summary>--cpu.</summary>
    public Option<string> Cpu { get; } = New<string>("--cpu", "N", "bind the data thread to this CPU");

    /// <summary>--queue-pairs.</summary>
    public Option<string> QueuePairs { get; } = New<string>("--queue-pairs", "N", "queue pairs offered to the guest, 1 to 128 (default 1)");

    /// <summary>--mtu.</summary>
    public Option<string> Mtu { get; } = New<string>("--mtu", "N", "MTU in bytes, 68 to 65535");

    /// <summary>--socket-mode.</summary>
    public Option<string> SocketMode { get; } = New<string>("--socket-mode", "MODE", "permissions of the socket in octal, for example 0660");

    /// <summary>--socket-owner.</summary>
    public Option<string> SocketOwner { get; } = New<string>("--socket-owner", "USER", "user that owns the socket");

    /// <summary>--socket-group.</summary>
    public Option<string> SocketGroup { get; } = New<string>("--socket-group", "GROUP", "group of the socket");

    /// <summary>--control.</summary>
    public Option<string> Control { get; } = New<string>("--control", "PATH", "Unix socket of the control API");

    /// <summary>--prometheus.</summary>
    public Option<string> Prometheus { get; } = New<string>(
        "--prometheus", "WHERE", "serve metrics at unix:PATH or a loopback address, for example 127.0.0.1:9464");

    /// <summary>--state-directory.</summary>
    public Option<string> StateDirectory { get; } = New<string>(
        "--state-directory", "DIR", "where the features offered to a guest are remembered over a restart");

    /// <summary>--log-level.</summary>
    public Option<string> LogLevel { get; } = New<string>("--log-level", "LEVEL", "trace, debug, info (default), warning or error");

    /// <summary>--take-over.</summary>
    public Option<string> TakeOver { get; } = New<string>(
        "--take-over", "SOCKET", "take over, without a gap, from the running vhostnetd whose control socket this is");

    /// <summary>--detach.</summary>
    public Option<bool> Detach { get; } = New<bool>(
        "--detach", null, "with --take-over: do it in the background, and exit once it is done");

    /// <summary>--check-config.</summary>
    public Option<bool> CheckConfig { get; } = New<bool>("--check-config", null, "check the options and the configuration file, then exit");

    /// <summary>--print-schema.</summary>
    public Option<bool> PrintSchema { get; } = New<bool>("--print-schema", null, "print the JSON schema of the configuration file, then exit");

    /// <summary>--print-capabilities.</summary>
    public Option<bool> PrintCapabilities { get; } = New<bool>(
        "--print-capabilities", null, "print what this back end is as JSON, then exit; other options are ignored");

    /// <summary>Parses arguments.</summary>
    /// <exception cref="RefusalException">They can't be understood.</exception>
    public ParseResult Parse(IReadOnlyList<string> arguments)
    {
        ParseResult result = _root.Parse(arguments);
        foreach (string token in result.UnmatchedTokens)
        {
            throw new RefusalException(RefusalKind.Wrong, token.StartsWith('-')
                ? $"{token}: unknown option; {Suggest(token)}"
                : $"{token}: an argument that no option takes; {HelpHint}");
        }

        foreach (System.CommandLine.Parsing.ParseError error in result.Errors)
        {
            throw new RefusalException(RefusalKind.Wrong, $"{error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; {HelpHint}");
        }

        return result;
    }

    private static Option<T> New<T>(string name, string? value, string description) => new(name) { HelpName = value, Description = description };

    private string Suggest(string token)
    {
        string word = token.Split('=', 2)[0];
        string? best = Suggestion.For(word, _root.Options.Select(o => o.Name));
        return best is null ? HelpHint : $"did you mean {best}?";
    }
}
