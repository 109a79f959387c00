// The throughput comparison with DPDK's net_vhost (docs/performance.md says how to read it). One command does everything, from the installation of DPDK
// to the table, the JSON file and the chart in docs/images:
//
//   dotnet run -c Release --project bench/Throughput
//   dotnet run -c Release --project bench/Throughput -- --cases hairpin-split-64,hairpin-packed-64 --seconds 15
//
// Nothing else should run on the machine meanwhile. --help lists the options.
using VhostNet.Throughput;

try
{
    BenchOptions options = BenchOptions.Parse(args);
    if (options.WantsHelp)
    {
        Console.WriteLine(BenchOptions.Help);
        return 0;
    }

    if (options.List)
    {
        foreach (BenchCase benchCase in Matrix.Select(options.Cases))
        {
            Console.WriteLine(benchCase.Name);
        }

        return 0;
    }

    return await new Bench(options).RunAsync();
}
catch (UsageException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
catch (TestPeerException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
