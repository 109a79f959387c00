using System.Diagnostics;

namespace VhostNet.Micro;

/// <summary>Times an operation: batches of a given length, the median of several, and the bytes that they allocated.</summary>
/// <param name="batchMs">Length of a batch in milliseconds.</param>
/// <param name="batches">How many; an odd number.</param>
internal sealed class Meter(double batchMs, int batches)
{
    public readonly record struct Result(double Ns, double Bytes);

    /// <summary>How many batches or samples a measurement is the median of.</summary>
    public int Batches => batches;

    /// <summary>Nanoseconds of a Stopwatch interval.</summary>
    public static double Nanoseconds(long ticks) => ticks * 1e9 / Stopwatch.Frequency;

    public static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    /// <summary>Measures one of the operations that <paramref name="batch"/> runs the given number of times.</summary>
    public Result Measure(Action<int> batch)
    {
        int count = Calibrate(batch);
        var samples = new List<double>();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long listBytes = 0;
        for (int i = 0; i < batches; i++)
        {
            long start = Stopwatch.GetTimestamp();
            batch(count);
            long ticks = Stopwatch.GetTimestamp() - start;
            long before = GC.GetAllocatedBytesForCurrentThread();
            samples.Add(Nanoseconds(ticks) / count);
            listBytes += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated - listBytes;
        return new Result(Median(samples), (double)allocated / ((long)count * batches));
    }

    /// <summary>Doubles the count until a batch is long enough, which also gets the code compiled and optimised.</summary>
    private int Calibrate(Action<int> batch)
    {
        int count = 64;
        while (true)
        {
            long start = Stopwatch.GetTimestamp();
            batch(count);
            double ms = Nanoseconds(Stopwatch.GetTimestamp() - start) / 1e6;
            if (ms >= batchMs || count >= 1 << 28)
            {
                return count;
            }

            count *= 2;
        }
    }
}
