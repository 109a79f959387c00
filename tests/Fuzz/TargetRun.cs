using System.Diagnostics;

namespace VhostNet.Fuzz;

/// <summary>Runs cases of one target one after the other.</summary>
internal static class TargetRun
{
    private static readonly TimeSpan s_caseLimit = TimeSpan.FromSeconds(40);

    /// <summary>Runs until something is found, the cases are done or the time is over. True when nothing was found.</summary>
    public static bool Run(string name, FuzzOptions options)
    {
        using FuzzTarget target = TargetCatalog.Create(name);
        using var progress = CaseProgress.Open(options.Progress);
        long current = options.Seed;
        using var watchdog = new CaseWatchdog(s_caseLimit, () => GiveUp(name, Volatile.Read(ref current), target));
        var watch = Stopwatch.StartNew();
        long done = 0;
        for (; done < options.Rounds && watch.Elapsed < options.Time; done++)
        {
            Volatile.Write(ref current, options.Seed + done);
            progress.Begin(current);
            watchdog.Begin();
            try
            {
                target.Run(current);
            }
            catch (FuzzException e)
            {
                watchdog.End();
                Report(name, current, e.Message, target);
                return false;
            }
        }

        watchdog.End();
        double seconds = watch.Elapsed.TotalSeconds;
        Console.WriteLine($"{name}: {done} cases from seed {options.Seed} in {seconds:f1} s ({done / seconds:f0} a second), nothing found");
        return true;
    }

    private static void Report(string name, long seed, string finding, FuzzTarget target)
    {
        Console.WriteLine($"{name}: found with seed {seed}: {finding}");
        Console.WriteLine($"  again: VhostNet.Fuzz run --target {name} --seed {seed} --iterations 1");
        Console.WriteLine($"  log: {target.LogTail}");
    }

    /// <summary>A thread that never comes back can't be ended, so the process is.</summary>
    private static void GiveUp(string name, long seed, FuzzTarget target)
    {
        Report(name, seed, $"the case did not end within {s_caseLimit.TotalSeconds} s", target);
        Console.WriteLine("0 passed, 1 failed");
        Environment.Exit(1);
    }
}
