using VhostNet.InProcess;

BenchOptions options;
Baseline? baseline;
try
{
    options = BenchOptions.Parse(args);
    baseline = options.Compare is null ? null : Baseline.Read(options.Compare);
}
catch (Exception e) when (e is FormatException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

// The highest processor: interrupts and other programs prefer the lowest.
_ = sched_setaffinity(Environment.ProcessorCount - 1);
List<BenchCase> cases = [.. CaseCatalog.All.Where(c => c.Name.Contains(options.Filter, StringComparison.Ordinal))];
if (cases.Count == 0)
{
    Console.Error.WriteLine($"no case's name contains '{options.Filter}'; the cases are: {string.Join(", ", CaseCatalog.All.Select(c => c.Name))}");
    return 2;
}

var rows = new List<BenchRow>();
var slower = new List<string>();
BenchTable.PrintHead(Console.Out, baseline);
foreach (BenchCase benchCase in cases)
{
    BenchRow row = Measurer.Measure(benchCase, options.Seconds);
    if (baseline is not null && baseline.IsRegression(row))
    {
        // Once more and for longer, because somebody else may have used the machine.
        row = Measurer.Measure(benchCase, options.Seconds * 3);
        if (baseline.IsRegression(row))
        {
            slower.Add(row.Name);
        }
    }

    rows.Add(row);
    BenchTable.Print(Console.Out, row, baseline);
}

if (options.Json is not null)
{
    Baseline.Write(options.Json, rows, options.Tolerance);
}

if (options.Save is not null)
{
    Baseline.Write(options.Save, rows, options.Tolerance);
}

if (baseline is null)
{
    return 0;
}

List<string> lost = [.. options.Filter.Length == 0 ? baseline.Lost(cases) : []];
Console.WriteLine();
Console.WriteLine($"{rows.Count} cases, {slower.Count} slower than the baseline by more than {baseline.Tolerance:P0}{(slower.Count == 0 ? "" : ": " + string.Join(", ", slower))}");
if (lost.Count > 0)
{
    Console.WriteLine($"cases of the baseline that are gone: {string.Join(", ", lost)}; write a new baseline with --save");
}

return slower.Count + lost.Count == 0 ? 0 : 1;
