using System.Globalization;

namespace VhostNet.InProcess;

/// <summary>The command line.</summary>
internal sealed record BenchOptions
{
    public const string Usage =
        """
        Back-end nanoseconds for each frame, without a peer: our front end drives our back end in one process, on one thread.

        VhostNet.InProcess [--filter TEXT] [--seconds S] [--json FILE] [--compare [FILE]] [--save FILE] [--tolerance SHARE] [--smoke]
          --filter TEXT      only cases whose name contains it
          --seconds S        time for each case, 0.5 if not given
          --json FILE        writes the results there
          --compare [FILE]   compares with a baseline, the one that was checked in if none is named; the exit status is 1 if a case is slower than the
                             tolerance allows, twice in succession
          --save FILE        writes a new baseline there
          --tolerance SHARE  how much slower than the baseline a case may be, 0.35 if the baseline does not say
          --smoke            each case for a moment, to see that it runs; its figures mean nothing
        """;

    private const double SmokeSeconds = 0.002;

    public string Filter { get; private init; } = "";

    public double Seconds { get; private init; } = 0.5;

    public string? Json { get; private init; }

    public string? Compare { get; private init; }

    public string? Save { get; private init; }

    public double Tolerance { get; private init; } = 0.35;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It has a mistake, which the message names.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            string? value = i + 1 < arguments.Length && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal) ? arguments[i + 1] : null;
            switch (name)
            {
                case "--smoke":
                    options = options with { Seconds = SmokeSeconds };
                    continue;
                case "--compare":
                    options = options with { Compare = value ?? Path.Combine(AppContext.BaseDirectory, "baseline.json") };
                    i += value is null ? 0 : 1;
                    continue;
            }

            options = name switch
            {
                "--filter" => options with { Filter = Required(name, value) },
                "--seconds" => options with { Seconds = Number(name, value) },
                "--json" => options with { Json = Required(name, value) },
                "--save" => options with { Save = Required(name, value) },
                "--tolerance" => options with { Tolerance = Number(name, value) },
                _ => throw new FormatException($"unknown option '{name}'\n\n{Usage}"),
            };
            i++;
        }

        return options;
    }

    private static string Required(string name, string? value) => value ?? throw new FormatException($"{name} needs a value\n\n{Usage}");

    private static double Number(string name, string? value) =>
        double.TryParse(Required(name, value), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number > 0
            ? number
            : throw new FormatException($"{name} {value}: a positive number is expected\n\n{Usage}");
}
