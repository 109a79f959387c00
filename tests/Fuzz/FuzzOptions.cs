using System.Globalization;

namespace VhostNet.Fuzz;

/// <summary>What a command line asks for.</summary>
/// <param name="Name">The target or attack; null for all of them.</param>
/// <param name="Seed">Of the first case.</param>
/// <param name="Rounds">Cases or rounds at most.</param>
/// <param name="Time">At most.</param>
internal sealed record FuzzOptions(string? Name, long Seed, long Rounds, TimeSpan Time)
{
    /// <summary>The daemon that is attacked; null for the one that was built.</summary>
    public string? Daemon { get; private init; }

    /// <summary>A file that always holds the number of the case under way, for whoever finds this process dead.</summary>
    public string? Progress { get; private init; }

    /// <summary>Null when the arguments are not understood.</summary>
    public static FuzzOptions? Parse(ReadOnlySpan<string> args, TimeSpan? time = null)
    {
        var options = new FuzzOptions(null, Environment.TickCount & 0xff_ffff, long.MaxValue, TimeSpan.MaxValue);
        bool isBounded = false;
        while (args is [string key, ..])
        {
            if (key == "--all")
            {
                args = args[1..];
                continue;
            }

            if (args.Length < 2 || options.With(key, args[1]) is not { } changed)
            {
                return null;
            }

            isBounded |= key is "--iterations" or "--rounds" or "--seconds";
            options = changed;
            args = args[2..];
        }

        return isBounded ? options : time is { } most ? options with { Time = most } : null;
    }

    private FuzzOptions? With(string key, string value)
    {
        bool isNumber = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number);
        return key switch
        {
            "--target" or "--attack" => this with { Name = value },
            "--seed" when isNumber => this with { Seed = number },
            "--iterations" or "--rounds" when isNumber => this with { Rounds = number },
            "--seconds" when isNumber => this with { Time = TimeSpan.FromSeconds(number) },
            "--daemon" => this with { Daemon = value },
            "--progress" => this with { Progress = value },
            _ => null,
        };
    }
}
