using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using VhostNet.Micro;

// Micro [--bdn] [--batch MS] [--batches N] [--cross MS] [GROUP...]
//   --bdn       the single-thread operations under BenchmarkDotNet instead of the table
//   --batch     length of one batch in milliseconds (20); --batches how many, of which the median counts (7)
//   --cross     length of each cross-thread run in milliseconds (500)
//   GROUP       only these parts of the table: one thread, timers, handlers, cross thread, writes avoided
if (args.Contains("--bdn"))
{
    BenchmarkRunner.Run<LoopBenchmarks>(DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)));
    return 0;
}

double batchMs = 20;
double crossMs = 500;
int batches = 7;
var groups = new List<string>();
for (int i = 0; i < args.Length; i++)
{
    if (!args[i].StartsWith("--", StringComparison.Ordinal))
    {
        groups.Add(args[i]);
        continue;
    }

    if (i + 1 == args.Length || !double.TryParse(args[i + 1], System.Globalization.CultureInfo.InvariantCulture, out double value) || value <= 0)
    {
        Console.Error.WriteLine($"Micro: '{args[i]}' needs a number greater than 0 behind it");
        return 2;
    }

    switch (args[i++])
    {
        case "--batch":
            batchMs = value;
            break;
        case "--batches":
            batches = (int)value | 1;
            break;
        case "--cross":
            crossMs = value;
            break;
        default:
            Console.Error.WriteLine($"Micro: unknown option '{args[i - 1]}'; known: --bdn, --batch MS, --batches N, --cross MS");
            return 2;
    }
}

return MicroTable.Run(new Meter(batchMs, batches), crossMs, groups);
