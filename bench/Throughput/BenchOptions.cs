using System.Globalization;

namespace VhostNet.Throughput;

/// <summary>The command line.</summary>
internal sealed record BenchOptions
{
    /// <summary>Rounds of windows in each case, whatever time they take.</summary>
    public const int LeastRounds = 2;

    /// <summary>What --help prints.</summary>
    public const string Help = """
        Sets the rate of vhostnetd against that of DPDK's net_vhost, and of Open vSwitch, behind the same front end.

          --cases FILTER      only these cases: names, parts of names or patterns with *, separated by commas (--list shows all)
          --seconds N         time for the windows of each case (default 20)
          --window SECONDS    length of a window (default 0.3)
          --daemon NAME=FILE  compare this build of the daemon too; may be repeated
          --json FILE         where all windows go (default artifacts/throughput/throughput.json)
          --svg FILE          where the chart goes (default docs/images/throughput.svg for all cases, beside the JSON otherwise)
          --add               keep the cases in the JSON file that are not run now
          --draw              run nothing: print and draw what the JSON file has
          --list              list the cases
          --smoke             two cases with two short windows; only checks that frames flow and that the files are well formed
        """;

    /// <summary>Which cases; null for all.</summary>
    public string? Cases { get; init; }

    /// <summary>Time for the windows of one case.</summary>
    public TimeSpan CaseTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Length of a window.</summary>
    public TimeSpan WindowTime { get; init; } = TimeSpan.FromSeconds(0.3);

    /// <summary>Further builds of the daemon.</summary>
    public IReadOnlyList<NamedProgram> Daemons { get; init; } = [];

    /// <summary>The JSON file; null for the usual one.</summary>
    public string? Json { get; init; }

    /// <summary>The chart; null for the usual one.</summary>
    public string? Svg { get; init; }

    /// <summary>Keep earlier cases.</summary>
    public bool Add { get; init; }

    /// <summary>Only draw.</summary>
    public bool Draw { get; init; }

    /// <summary>Only list.</summary>
    public bool List { get; init; }

    /// <summary>The short form.</summary>
    public bool Smoke { get; init; }

    /// <summary>--help was asked for.</summary>
    public bool WantsHelp { get; init; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="UsageException">It is wrong.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> arguments)
    {
        BenchOptions options = new();
        for (int i = 0; i < arguments.Count; i++)
        {
            string name = arguments[i];
            string Value() => ++i < arguments.Count ? arguments[i] : throw new UsageException($"{name} wants a value");
            options = name switch
            {
                "--cases" => options with { Cases = Value() },
                "--seconds" => options with { CaseTime = Seconds(name, Value()) },
                "--window" => options with { WindowTime = Seconds(name, Value()) },
                "--daemon" => options with { Daemons = [.. options.Daemons, Program(Value())] },
                "--json" => options with { Json = Value() },
                "--svg" => options with { Svg = Value() },
                "--add" => options with { Add = true },
                "--draw" => options with { Draw = true },
                "--list" => options with { List = true },
                "--smoke" => options with { Smoke = true, CaseTime = TimeSpan.Zero, WindowTime = TimeSpan.FromSeconds(0.1) },
                "--help" => options with { WantsHelp = true },
                _ => throw new UsageException($"unknown option '{name}'; --help lists them"),
            };
        }

        return options;
    }

    private static TimeSpan Seconds(string name, string value) =>
        double.TryParse(value, CultureInfo.InvariantCulture, out double seconds) && seconds is > 0 and < 1e6
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"{name} '{value}' is no time: give seconds, such as 20 or 0.3");

    private static NamedProgram Program(string value) => value.Split('=', 2) is [var name, var file] && name.Length > 0 && name != CasePlan.Ours
        ? File.Exists(file) ? new NamedProgram(name, Path.GetFullPath(file)) : throw new UsageException($"--daemon '{value}': there is no file {file}")
        : throw new UsageException($"--daemon '{value}' is not NAME=FILE, with another name than {CasePlan.Ours}");
}
