using System.Diagnostics;
using VhostNet.InProcess;

string filter = args.Length > 0 ? args[0] : "";
double seconds = args.Length > 1 ? double.Parse(args[1]) : 0.5;
foreach (BenchCase benchCase in BenchCase.All)
{
    if (!benchCase.Name.Contains(filter, StringComparison.Ordinal))
    {
        continue;
    }

    using var rig = new HairpinRig(benchCase);
    var samples = new List<double>();
    long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
    while (Stopwatch.GetTimestamp() < end)
    {
        long ticks = 0;
        long before = rig.Frames;
        for (int round = 0; round < 64; round++)
        {
            int offered = rig.Offer();
            long target = rig.Frames + offered;
            long start = Stopwatch.GetTimestamp();
            rig.RunBackend();
            ticks += Stopwatch.GetTimestamp() - start;
            if (rig.Frames != target)
            {
                for (int again = 0; again < 100 && rig.Frames != target; again++)
                {
                    rig.Collect();
                    start = Stopwatch.GetTimestamp();
                    rig.RunBackend();
                    ticks += Stopwatch.GetTimestamp() - start;
                }

                if (rig.Frames != target)
                {
                    throw new InvalidOperationException($"{benchCase.Name}: {rig.Frames} frames came back, {target} were expected");
                }
            }

            rig.Collect();
        }

        samples.Add(ticks * 1e9 / Stopwatch.Frequency / (rig.Frames - before));
    }

    samples.Sort();
    Console.WriteLine($"{benchCase.Name,-24} {samples[samples.Count / 2],8:F1} ns/frame   min {samples[0],7:F1}  n {samples.Count}");
}
