using System.Diagnostics;
using System.Globalization;
using VhostNet.Fuzz.Frames;
using VhostNet.Fuzz.Switch;

namespace VhostNet.Fuzz;

/// <summary>Fuzzing of sessions, rings and frames. The last line of every command is "N passed, N failed".</summary>
internal static class Program
{
    private const string Usage =
        """
        usage: VhostNet.Fuzz smoke
               VhostNet.Fuzz canary
               VhostNet.Fuzz run --target messages|rings|frames|switch [--seed N] (--iterations N | --seconds N)

        smoke   all targets for some seconds and every canary, with fixed seeds
        canary  back ends with faults built in; every one has to be found
        run     one target; case i has seed N + i, so that a finding is repeated with its own seed and --iterations 1
        """;

    private static readonly TimeSpan s_caseLimit = TimeSpan.FromSeconds(40);

    private static int s_passed;
    private static int s_failed;

    public static int Main(string[] args)
    {
        switch (args)
        {
            case ["smoke"]:
                Run("messages", 1, int.MaxValue, TimeSpan.FromSeconds(8));
                Run("rings", 1, int.MaxValue, TimeSpan.FromSeconds(8));
                Run("frames", 1, int.MaxValue, TimeSpan.FromSeconds(6));
                Run("switch", 1, int.MaxValue, TimeSpan.FromSeconds(3));
                RunCanaries();
                break;
            case ["canary"]:
                RunCanaries();
                break;
            case ["run", .. string[] rest] when Parse(rest) is { } options:
                Run(options.Target, options.Seed, options.Iterations, options.Time);
                break;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }

        Console.WriteLine($"{s_passed} passed, {s_failed} failed");
        return s_failed == 0 ? 0 : 1;
    }

    private static (string Target, int Seed, int Iterations, TimeSpan Time)? Parse(string[] args)
    {
        (string? target, int seed, int? iterations, int? seconds) = (null, Environment.TickCount & 0xff_ffff, null, null);
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            bool isNumber = int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            switch (args[i])
            {
                case "--target" when args[i + 1] is "messages" or "rings" or "frames" or "switch": target = args[i + 1]; break;
                case "--seed" when isNumber: seed = number; break;
                case "--iterations" when isNumber: iterations = number; break;
                case "--seconds" when isNumber: seconds = number; break;
                default: return null;
            }
        }

        return target is null || args.Length % 2 != 0 || (iterations is null && seconds is null)
            ? null
            : (target, seed, iterations ?? int.MaxValue, seconds is { } s ? TimeSpan.FromSeconds(s) : TimeSpan.MaxValue);
    }

    private static void Run(string name, int seed, int iterations, TimeSpan time)
    {
        var watch = Stopwatch.StartNew();
        using FuzzTarget target = name switch
        {
            "messages" => new MessagesTarget(),
            "rings" => new RingsTarget(),
            "switch" => new SwitchTarget(),
            _ => new FramesTarget(),
        };
        int i = 0;
        for (; i < iterations && watch.Elapsed < time; i++)
        {
            int current = seed + i;
            using var watchdog = new Timer(_ => GiveUp(name, current), null, s_caseLimit, Timeout.InfiniteTimeSpan);
            try
            {
                target.Run(current);
                s_passed++;
            }
            catch (FuzzException e)
            {
                Report(name, current, e.Message);
                Console.WriteLine($"  log: {target.LogTail}");
                return;
            }
        }

        Console.WriteLine($"{name}: {i} cases from seed {seed} in {watch.Elapsed.TotalSeconds:f1} s, nothing found");
    }

    private static void Report(string target, int seed, string finding)
    {
        s_failed++;
        Console.WriteLine($"{target}: found with seed {seed}: {finding}");
        Console.WriteLine($"  again: VhostNet.Fuzz run --target {target} --seed {seed} --iterations 1");
    }

    /// <summary>A thread that never comes back can't be ended, so the process is.</summary>
    private static void GiveUp(string target, int seed)
    {
        Report(target, seed, $"the case did not end within {s_caseLimit.TotalSeconds} s");
        Console.WriteLine($"{s_passed} passed, {s_failed} failed");
        Environment.Exit(1);
    }

    private static void RunCanaries()
    {
        foreach ((string name, Func<FuzzTarget> create, string[] findings) in Canary.All)
        {
            using FuzzTarget target = create();
            string? found = null;
            int i = 0;
            for (; i < 3000 && found is null; i++)
            {
                try
                {
                    target.Run(i);
                }
                catch (FuzzException e)
                {
                    found = e.Message;
                }
            }

            bool right = found is not null && findings.Any(f => found.Contains(f, StringComparison.Ordinal));
            _ = right ? s_passed++ : s_failed++;
            Console.WriteLine(right ? $"canary, {name}: found in case {i}" : $"canary, {name}: not found; instead: {found ?? "nothing"}");
        }
    }
}
