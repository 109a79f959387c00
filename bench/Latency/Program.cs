using VhostNet.Latency;

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

var report = new Report(Console.Out);
foreach (string mode in options.Modes)
{
    await (mode switch
    {
        "roundtrip" => RoundTripBench.RunAsync(report, options),
        "idle" => IdleBench.RunAsync(report, options),
        "load" => LoadBench.RunAsync(report, options),
        "garbage" => GarbageBench.RunAsync(report, options),
        _ => TapBench.RunAsync(report, options),
    });
}

if (options.Json is not null)
{
    report.Write(options.Json);
}

return report.Missed == 0 || options.Smoke ? 0 : 1;
