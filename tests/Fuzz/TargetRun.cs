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
        target.IsVerbose = options.Rounds == 1;
        long current = options.Seed;
        using var watchdog = new CaseWatchdog(s_caseLimit, () => GiveUp(name, Volatile.Read(ref current), target));
        TimeSpan busy = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        FuzzException? found = null;
        long done = 0;
        target.Within(() =>
        {
            try
            {
                for (; done < options.Rounds && watch.Elapsed < options.Time; done++)
                {
                    Volatile.Write(ref current, options.Seed + done);
                    progress.Begin(current);
                    watchdog.Begin();
                    target.Run(current);
                }

                target.CountResources();
            }
            catch (FuzzException e)
            {
                found = e;
            }
        });
        watchdog.End();
        if (found is not null)
        {
            Report(name, found.Seed ?? current, found.Message, target);
            return false;
        }

        double seconds = watch.Elapsed.TotalSeconds;
        double worked = Math.Max(0.001, (Environment.CpuUsage.TotalTime - busy).TotalSeconds);
        Console.WriteLine(
            $"{name}: {done} cases from seed {options.Seed} in {seconds:f1} s ({done / seconds:f0} a second, {done / worked:f0} a second of processor time), nothing found");
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
