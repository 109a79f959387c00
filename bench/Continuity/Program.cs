using System.Globalization;
using VhostNet.Continuity;

// Usage: bench/Continuity [--guests N] [--busy N] [--count N]
int guests = 1;
int busy = 1;
int count = 100;
for (int i = 0; i < args.Length; i += 2)
{
    if (i + 1 == args.Length || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value < 1)
    {
        Console.Error.WriteLine($"{args[i]}: a number from 1 on has to follow");
        return 2;
    }

    switch (args[i])
    {
        case "--guests": guests = value; break;
        case "--busy": busy = value; break;
        case "--count": count = value; break;
        default:
            Console.Error.WriteLine($"{args[i]}: unknown; known here: --guests N, --busy N, --count N");
            return 2;
    }
}

await using var series = new TakeOverSeries(guests, Math.Min(busy, guests));
TakeOverResult result = await series.RunAsync(count);
result.Write(Console.Out);
return result.Lost == 0 ? 0 : 1;
