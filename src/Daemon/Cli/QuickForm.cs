using System.CommandLine;
using System.Globalization;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Cli;

/// <summary>Turns a parsed command line into options: those of the file that --config names, or one guest, one uplink and a wire between them.</summary>
internal static class QuickForm
{
    /// <summary>Name of the guest's port.</summary>
    public const string GuestPort = "guest";

    /// <summary>Name of the uplink's port.</summary>
    public const string UplinkPort = "uplink";

    /// <summary>Name of the network between them.</summary>
    public const string NetworkName = "net";

    /// <summary>The uplink when none is named.</summary>
    public const string DefaultUplink = "user";

    /// <summary>Reads the options.</summary>
    /// <exception cref="RefusalException">They are wrong.</exception>
    public static DaemonOptions Read(CommandLine line, ParseResult result)
    {
        string? config = result.GetValue(line.Config);
        if (config is not null)
        {
            RefuseBesideConfig(line, result);
            return ConfigReader.ReadFile(config);
        }

        string? path = result.GetValue(line.SocketPath);
        int? fd = InRange("--fd", result.GetValue(line.Fd), 0, int.MaxValue, "; whoever starts this has to pass a socket on under that number");
        if (path is null == fd is null)
        {
            throw Usage(path is null
                ? "neither --socket-path, --fd nor --config is given; for example: vhostnetd --socket-path /run/vhostnet/guest.sock"
                : "--socket-path and --fd exclude each other; give one of them");
        }

        DaemonOptions options = Build(line, result, path, fd);
        OptionsValidator.Check(options);
        return options;
    }

    private static DaemonOptions Build(CommandLine line, ParseResult result, string? path, int? fd)
    {
        int pairs = InRange("--queue-pairs", result.GetValue(line.QueuePairs), 1, PortReader.QueuePairsMax) ?? 1;
        int? mtu = InRange("--mtu", result.GetValue(line.Mtu), PortReader.MtuMin, PortReader.MtuMax);
        string uplink = result.GetValue(line.Uplink) ?? DefaultUplink;
        bool hairpin = uplink == "hairpin";
        var guest = new PortOptions(GuestPort, PortOptions.VhostUser)
        {
            Path = "command line",
            IsFromCommandLine = true,
            Network = NetworkName,
            QueuePairs = pairs,
            Mtu = mtu,
            Socket = Socket(line, result, path, fd),
        };
        PortOptions[] uplinks = hairpin
            ? []
            : [UplinkSpec.Parse(uplink, UplinkPort) with { IsFromCommandLine = true, Network = NetworkName, QueuePairs = pairs, Mtu = mtu }];
        return new DaemonOptions
        {
            Threads = Threads(line, result),
            Networks = [new NetworkOptions(NetworkName, hairpin ? "hairpin" : "wire")],
            Ports = [guest, .. uplinks],
            StateDirectory = result.GetValue(line.StateDirectory) is { } directory ? Path.GetFullPath(directory) : null,
            Control = result.GetValue(line.Control) is { } control ? new HttpListenOptions { Path = SocketPath("--control", control) } : null,
            Metrics = new MetricsOptions { Prometheus = Prometheus(result.GetValue(line.Prometheus)) },
            Log = new LogOptions { Level = Word("--log-level", result.GetValue(line.LogLevel) ?? "info", LogLevels.ByName) },
        };
    }

    private static SocketOptions Socket(CommandLine line, ParseResult result, string? path, int? fd)
    {
        string? mode = result.GetValue(line.SocketMode);
        bool client = result.GetValue(line.Client);
        if (client && fd is not null)
        {
            throw Usage("--client connects to a path; it can't be used with --fd");
        }

        return new SocketOptions
        {
            Path = path is null ? null : SocketPath("--socket-path", path),
            Fd = fd,
            IsClient = client,
            Mode = mode is null ? null : ValueParsers.Mode(mode, out string problem) ?? throw Usage($"--socket-mode: {problem}"),
            Owner = result.GetValue(line.SocketOwner),
            Group = result.GetValue(line.SocketGroup),
        };
    }

    private static ThreadOptions[] Threads(CommandLine line, ParseResult result)
    {
        string? poll = result.GetValue(line.Poll);
        int? cpu = InRange("--cpu", result.GetValue(line.Cpu), 0, 4095);
        return poll is null && cpu is null
            ? []
            : [new ThreadOptions("io0") { Cpu = cpu, Poll = Word("--poll", poll ?? "adaptive", ConfigReader.PollPolicies) }];
    }

    private static void RefuseBesideConfig(CommandLine line, ParseResult result)
    {
        Option[] allowed = [line.Config, line.CheckConfig, line.TakeOver, line.Detach];
        foreach (System.CommandLine.Parsing.OptionResult option in result.CommandResult.Children.OfType<System.CommandLine.Parsing.OptionResult>())
        {
            if (!option.Implicit && !allowed.Contains(option.Option))
            {
                throw Usage($"{option.Option.Name} belongs to the quick form and can't be used with --config; put its setting into the file");
            }
        }
    }

    private static string SocketPath(string option, string text) => ValueParsers.SocketPath(text, out string problem) ?? throw Usage($"{option}: {problem}");

    private static HttpListenOptions? Prometheus(string? text) =>
        text is null ? null : ValueParsers.Listen(text, out string problem) ?? throw Usage($"--prometheus: {problem}");

    private static int? InRange(string option, string? text, int min, int max, string remedy = "") =>
        text is null ? null
            : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max ? value
            : throw Usage($"{option} {text}: a whole number from {min} to {max} is expected{remedy}");

    private static T Word<T>(string option, string word, IReadOnlyDictionary<string, T> words) =>
        words.TryGetValue(word, out T? value) ? value : throw Usage($"{option} {word}: unknown; {Suggestion.Clause(word, [.. words.Keys])}");

    private static RefusalException Usage(string message) => new(RefusalKind.Wrong, message);
}
