using VhostNet.BlkBench;
using VhostNet.TestKit;

// samples/Blk beside QEMU's own vhost-user-blk server, both over the same file in the page cache, both driven by the same front end, in turns within one run.
// Usage: VhostNet.BlkBench [ROUNDS [SECONDS]]    (eng/samples.sh builds the sample first)
int rounds = args.Length > 0 ? int.Parse(args[0]) : 5;
double seconds = args.Length > 1 ? double.Parse(args[1]) : 1;
const double Target = 0.9;
int[] depths = [1, 4, 16, 64];

using var directory = new TestDirectory();
string file = directory.File("disk");
DiskFile.Write(file);
await using BlkServer ours = await BlkServer.StartSampleAsync(directory, file);
await using BlkServer threads = await BlkServer.StartQemuAsync(directory, file, "threads");
await using BlkServer ring = await BlkServer.StartQemuAsync(directory, file, "io_uring");
BlkServer[] servers = [ours, threads, ring];
Console.WriteLine($"4 KiB random reads of {DiskFile.Size >> 20} MiB in the page cache, one queue, requests a second; medians of {rounds} windows of {seconds} s each, in turns");
Console.WriteLine($"{"depth",6} {string.Join(' ', servers.Select(s => s.Name.PadLeft(28)))} {"to the better",14}");
bool met = true;
foreach (int depth in depths)
{
    var rates = servers.Select(_ => new List<double>()).ToArray();
    for (int round = 0; round <= rounds; round++)
    {
        for (int i = 0; i < servers.Length; i++)
        {
            double rate = servers[i].Reader.Run(depth, TimeSpan.FromSeconds(seconds));
            if (round > 0)
            {
                // The first round is for the compilers and the caches.
                rates[i].Add(rate);
            }
        }
    }

    double[] medians = [.. rates.Select(r => r.Order().ElementAt(r.Count / 2))];
    double ratio = rates[0].Zip(rates[1], rates[2]).Select(t => t.First / Math.Max(t.Second, t.Third)).Order().ElementAt(rounds / 2);
    met &= ratio >= Target;
    Console.WriteLine($"{depth,6} {string.Join(' ', medians.Select(m => $"{m,28:F0}"))} {ratio,14:F2}");
}

Console.WriteLine(met ? $"at least {Target} at every depth" : $"below {Target} at some depth");
return met ? 0 : 1;
