using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz;

/// <summary>Fuzzing of sessions, rings and frames, and attacks on a real daemon. The last line of every command is "N passed, N failed".</summary>
internal static class Program
{
    private const string Usage =
        """
        usage: VhostNet.Fuzz smoke
               VhostNet.Fuzz canary [NAME]
               VhostNet.Fuzz run --target TARGET [--seed N] (--iterations N | --seconds N)
               VhostNet.Fuzz run --all [--seed N] --seconds N
               VhostNet.Fuzz attack NAME|--all [--seconds N] [--rounds N] [--daemon PATH]
               VhostNet.Fuzz list

        smoke   all targets for some seconds and every canary, with fixed seeds; counts targets and canaries
        canary  back ends with faults built in; every one has to be found
        run     one target; case i has seed N + i, so that a finding is repeated with its own seed and --iterations 1
                all of them in turn on all processors, each for a minute at a time in a process of its own
        attack  starts a daemon with an innocent pair of guests beside the attacked port, five seconds by default
        list    the names of targets and attacks
        """;

    public static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["smoke"]:
                return Conclude(await SmokeAsync());
            case ["canary"]:
                return Conclude(await CanaryRun.AllAsync());
            case ["canary", string name]:
                return Conclude(await CanaryRun.AllAsync(name));
            case ["release", string name]:
                CanaryRun.Release(name);
                return 1;
            case ["list"]:
                Console.WriteLine($"targets: {string.Join(' ', TargetCatalog.All.Select(t => t.Name))}");
                Console.WriteLine($"attacks: {string.Join(' ', AttackCatalog.All.Select(a => a.Name))}");
                return 0;
            case ["run", .. string[] rest] when FuzzOptions.Parse(rest) is { Name: { } name } options && TargetCatalog.Contains(name):
                return Conclude(TargetRun.Run(name, options) ? (1, 0) : (0, 1));
            case ["run", "--all", .. string[] rest] when FuzzOptions.Parse(rest) is { Name: null } options && options.Time != TimeSpan.MaxValue:
                return Conclude(await LongRun.RunAsync(options));
            case ["attack", "--all", .. string[] rest] when FuzzOptions.Parse(rest, TimeSpan.FromSeconds(5)) is { } options:
                return Conclude(await AttackAsync(AttackCatalog.All, options));
            case ["attack", string name, .. string[] rest] when AttackCatalog.Find(name) is { } row && FuzzOptions.Parse(rest, TimeSpan.FromSeconds(5)) is { } options:
                return Conclude(await AttackAsync([row], options));
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static int Conclude((int Passed, int Failed) result)
    {
        Console.WriteLine($"{result.Passed} passed, {result.Failed} failed");
        return result.Failed == 0 ? 0 : 1;
    }

    private static async Task<(int Passed, int Failed)> SmokeAsync()
    {
        (int passed, int failed) = (0, 0);
        foreach ((string name, int seconds, _, _) in TargetCatalog.All)
        {
            bool ok = TargetRun.Run(name, new FuzzOptions(name, 1, long.MaxValue, TimeSpan.FromSeconds(seconds)));
            (passed, failed) = ok ? (passed + 1, failed) : (passed, failed + 1);
        }

        (int found, int missed) = await CanaryRun.AllAsync();
        return (passed + found, failed + missed);
    }

    private static async Task<(int Passed, int Failed)> AttackAsync(IReadOnlyList<AttackRow> rows, FuzzOptions options)
    {
        int held = 0;
        string daemon = options.Daemon ?? Repository.Daemon;
        foreach (AttackRow row in rows)
        {
            using var runner = new AttackRunner(row, new AttackLimits(options.Time, options.Rounds), daemon);
            held += await runner.RunAsync() ? 1 : 0;
        }

        return (held, rows.Count - held);
    }
}
