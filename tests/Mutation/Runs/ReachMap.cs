using VhostNet.Mutation.Sites;

namespace VhostNet.Mutation.Runs;

/// <summary>Which classes reach which mutants, and how long they take.</summary>
internal sealed class ReachMap
{
    private static readonly TimeSpan s_classLimit = TimeSpan.FromMinutes(3);

    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<TestClass>> _classes = [];
    private readonly Dictionary<TestClass, TimeSpan> _times = [];

    private ReachMap()
    {
    }

    /// <summary>Runs each class by itself. One that fails without any mutant is not used, and is named.</summary>
    public static ReachMap Record(TestSuites tests, IReadOnlyList<Mutant> mutants, int workers)
    {
        var map = new ReachMap();
        TestClass[] classes = [.. mutants.Select(static m => m.Project).Distinct().SelectMany(tests.Classes)];
        int size = mutants.Max(static m => m.Id) + 1;
        Parallel.ForEach(classes, new ParallelOptions { MaxDegreeOfParallelism = workers }, c => map.Record(tests, c, size));
        double seconds = map._times.Values.Sum(static t => t.TotalSeconds);
        int reached = mutants.Count(m => map._classes.ContainsKey(m.Id));
        Console.WriteLine($"{classes.Length} test classes, {seconds:f0} s one after the other; {reached} mutants are reached");
        return map;
    }

    /// <summary>The classes that reach a mutant, the quickest first.</summary>
    public IReadOnlyList<TestClass> Classes(Mutant mutant) => _classes.TryGetValue(mutant.Id, out List<TestClass>? classes) ? [.. classes.OrderBy(Time)] : [];

    /// <summary>How long the class took without a mutant.</summary>
    public TimeSpan Time(TestClass testClass) => _times[testClass];

    private void Record(TestSuites tests, TestClass testClass, int size)
    {
        string file = Path.Combine(tests.Folder, $"reached-{testClass.Name}");
        File.WriteAllBytes(file, new byte[size]);
        ProcessResult result = tests.Run(testClass.Project, [testClass], s_classLimit, ("VHOSTNET_MUTANTS_REACHED", file));
        if (result.ExitCode != 0)
        {
            Console.WriteLine($"not used: {testClass.Name} {(result.IsTimeout ? "takes too long" : "fails without a mutant")}");
            return;
        }

        byte[] reached = File.ReadAllBytes(file);
        lock (_lock)
        {
            _times[testClass] = result.Time;
            for (int i = 0; i < reached.Length; i++)
            {
                if (reached[i] != 0)
                {
                    (_classes.TryGetValue(i, out List<TestClass>? list) ? list : _classes[i] = []).Add(testClass);
                }
            }
        }
    }
}
