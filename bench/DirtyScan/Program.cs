using System.Diagnostics;
using System.Globalization;
using VhostNet.DirtyScan;

// Finds the dirty pages of a 16 GiB guest, asked page by page and range by range, from nearly clean to nearly all dirty. Prints the median of 15 scans.
const long Pages = 16L << 30 >> 12;
Console.WriteLine("| dirty pages | run of | page by page, ms | range by range, ms | times |");
Console.WriteLine("| ---: | ---: | ---: | ---: | ---: |");
foreach ((double share, int run) in new[] { (0.0001, 1), (0.01, 1), (0.01, 64), (0.3, 1), (0.3, 512), (0.99, 4096) })
{
    Scan scan = Scan.Fill(Pages, share, run);
    double slow = Median(scan.PageByPage);
    double fast = Median(scan.RangeByRange);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {share * 100:0.##} % | {run} | {slow:0.000} | {fast:0.000} | {slow / fast:0.0} |"));
}

static double Median(Func<long> scan)
{
    var times = new List<double>();
    for (int i = 0; i < 15; i++)
    {
        long start = Stopwatch.GetTimestamp();
        _ = scan();
        times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    times.Sort();
    return times[times.Count / 2];
}
