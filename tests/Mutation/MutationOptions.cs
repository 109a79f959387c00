using System.Globalization;

namespace VhostNet.Mutation;

/// <summary>What a command line asks for.</summary>
internal sealed record MutationOptions
{
    /// <summary>How the command is called.</summary>
    public const string Usage = """
        usage: eng/mutate.sh [--project NAME]... [--since REF] [--seed N] [--count N] [--workers N] [--again] [--class NAME]... [--keep]
          --project NAME   only src/NAME (Aio, VhostUser, VirtioNet, Daemon); may be given several times
          --since REF      only lines that changed since a commit
          --seed N         which sample (1)
          --count N        how many mutants (300)
          --workers N      how many are tried at a time (the number of processors)
          --again          only those that survived the last run, whatever the sample
          --class NAME     only test classes whose name contains it; may be given several times
          --keep           leave the mutated copy where it is, and say where
        """;

    private static readonly string[] s_projects = ["Aio", "VhostUser", "VirtioNet", "Daemon"];

    /// <summary>Folders under src; all when none was named.</summary>
    public IReadOnlyList<string> Projects { get; private init; } = [];

    /// <summary>Commit since which a line must have changed; null for any line.</summary>
    public string? Since { get; private init; }

    /// <summary>Seed of the sample.</summary>
    public int Seed { get; private init; } = 1;

    /// <summary>Mutants in the sample.</summary>
    public int Count { get; private init; } = 300;

    /// <summary>Mutants that are tried at a time.</summary>
    public int Workers { get; private init; } = Environment.ProcessorCount;

    /// <summary>Only the survivors of the last run.</summary>
    public bool Again { get; private init; }

    /// <summary>Parts of names of test classes; all when there is none.</summary>
    public IReadOnlyList<string> Classes { get; private init; } = [];

    /// <summary>Leave the copy.</summary>
    public bool Keep { get; private init; }

    /// <summary>Understands a command line.</summary>
    /// <exception cref="MutationException">It is not understood.</exception>
    public static MutationOptions Parse(ReadOnlySpan<string> args)
    {
        var options = new MutationOptions();
        while (args is [string key, ..])
        {
            bool isFlag = key is "--again" or "--keep";
            if (!isFlag && args.Length < 2)
            {
                throw new MutationException($"'{key}' is unknown or lacks its value.\n{Usage}");
            }

            options = options.With(key, isFlag ? string.Empty : args[1]);
            args = args[(isFlag ? 1 : 2)..];
        }

        return options.Projects.Count == 0 ? options with { Projects = s_projects } : options;
    }

    private MutationOptions With(string key, string value) => key switch
    {
        "--again" => this with { Again = true },
        "--keep" => this with { Keep = true },
        "--project" when s_projects.Contains(value) => this with { Projects = [.. Projects, value] },
        "--project" => throw new MutationException($"There is no project '{value}' to mutate; there are {string.Join(", ", s_projects)}."),
        "--since" => this with { Since = value },
        "--class" => this with { Classes = [.. Classes, value] },
        "--seed" => this with { Seed = Number(key, value) },
        "--count" => this with { Count = Number(key, value) },
        "--workers" => this with { Workers = Number(key, value) },
        _ => throw new MutationException($"'{key}' is unknown.\n{Usage}"),
    };

    private static int Number(string key, string value) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
        ? number
        : throw new MutationException($"'{key} {value}': a whole number from 1 on is needed.");
}
