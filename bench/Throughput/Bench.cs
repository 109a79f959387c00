namespace VhostNet.Throughput;

/// <summary>Runs the cases one after the other and keeps the files up to date after each.</summary>
internal sealed class Bench(BenchOptions options)
{
    private readonly ResultTable _table = new(Console.Out);
    private readonly CacheLineProbe _probe = new(Backend.FrontEndCpu, Backend.Cpu);

    private string Json => options.Json ?? Path.Combine(Repository.Root, "artifacts", "throughput", "throughput.json");

    private string Svg => options.Svg ?? (options.Cases is null && !options.Smoke
        ? Path.Combine(Repository.Root, "docs", "images", "throughput.svg")
        : Path.ChangeExtension(Json, ".svg"));

    /// <summary>Does what the command line says and returns the exit status: 0 if every case could be measured.</summary>
    public async Task<int> RunAsync()
    {
        if (options.Draw)
        {
            await DrawAsync();
            return 0;
        }

        IReadOnlyList<BenchCase> cases = options.Smoke && options.Cases is null ? Matrix.Smoke : Matrix.Select(options.Cases);
        await Preparation.RunAsync();
        _probe.Measure();
        RunDescription run = await RunDescription.DescribeAsync(options);
        ResultFile results = options.Add && File.Exists(Json) ? await ResultFile.ReadAsync(Json) : new ResultFile([], []);
        int failures = 0;
        _table.PrintHead();
        foreach (BenchCase benchCase in cases)
        {
            try
            {
                CaseResult result = await new CaseRun(benchCase, CasePlan.For(benchCase, options), options, _probe).RunAsync(run.Date);
                _table.Print(result);
                failures += CheckFlow(result);
                results = results.With(run, result);
                await results.WriteAsync(Json);
                SvgChart.Write(results, Svg);
            }
            catch (TestPeerException e)
            {
                Console.Error.WriteLine($"{benchCase.Name}: {e.Message}");
                failures++;
            }
        }

        if (options.Smoke && failures == 0)
        {
            foreach (string problem in await Smoke.CheckAsync(cases, Json, Svg))
            {
                Console.Error.WriteLine(problem);
                failures++;
            }
        }

        return failures == 0 ? 0 : 1;
    }

    /// <summary>Every back end has to move frames in every window, or a ratio says nothing.</summary>
    private static int CheckFlow(CaseResult result)
    {
        int failures = 0;
        foreach (BackendResult backend in result.Backends.Where(static b => b.Windows.Any(static w => w.Mpps <= 0)))
        {
            int empty = backend.Windows.Count(static w => w.Mpps <= 0);
            Console.Error.WriteLine($"{result.Name}: no frames came through {backend.Name} in {empty} of {backend.Windows.Count} windows");
            failures++;
        }

        return failures;
    }

    /// <summary>Prints and draws what was measured before.</summary>
    private async Task DrawAsync()
    {
        ResultFile results = await ResultFile.ReadAsync(Json);
        _table.PrintHead();
        foreach (CaseResult result in results.Cases)
        {
            _table.Print(result);
        }

        SvgChart.Write(results, Svg);
    }
}
