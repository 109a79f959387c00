using VhostNet.TestKit;

namespace VhostNet.Fuzz;

/// <summary>Runs targets that have a fault built in until the fault is found. Faults that end the process are let loose in one of their own.</summary>
internal static class CanaryRun
{
    private const int CasesMax = 3000;

    private static readonly TimeSpan s_deadlyLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs those whose name contains a text, or all.</summary>
    public static async Task<(int Found, int Missed)> AllAsync(string? text = null)
    {
        (int all, int found) = (0, 0);
        bool IsWanted(string name) => text is null || name.Contains(text, StringComparison.OrdinalIgnoreCase);
        foreach ((string name, Func<FuzzTarget> create, string[] findings) in Canary.All.Where(c => IsWanted(c.Name)))
        {
            all++;
            found += IsFound(name, create, findings) ? 1 : 0;
        }

        foreach ((string name, _, string[] findings) in Canary.Deadly.Where(c => IsWanted(c.Name)))
        {
            all++;
            found += await IsDeadlyFoundAsync(name, findings) ? 1 : 0;
        }

        return (found, all - found);
    }

    /// <summary>Lets a fault loose that ends this process; returns only if it does not, or if something else was found.</summary>
    public static void Release(string name)
    {
        foreach ((_, Func<FuzzTarget> create, string[] findings) in Canary.Deadly.Where(c => c.Name == name))
        {
            _ = IsFound(name, create, findings);
        }
    }

    private static async Task<bool> IsDeadlyFoundAsync(string name, string[] findings)
    {
        // No core file: it would be as large as all that the process has mapped.
        await using ChildProcess process = await ChildProcess.StartAsync(name, "prlimit", ["--core=0", Environment.ProcessPath!, "release", name]);
        int status = await process.WaitForExitAsync(s_deadlyLimit);
        string output = process.Output.ToString();
        bool right = status >= 128 && findings.Any(f => output.Contains(f, StringComparison.Ordinal));
        Console.WriteLine(right ? $"canary, {name}: found, it ended its process with status {status}" : $"canary, {name}: not found; status {status}, {output.Trim()}");
        return right;
    }

    private static bool IsFound(string name, Func<FuzzTarget> create, string[] findings)
    {
        using FuzzTarget target = create();
        string? found = null;
        int i = 0;
        target.Within(() =>
        {
            try
            {
                for (; i < CasesMax; i++)
                {
                    target.Run(i);
                }

                target.CountResources();
            }
            catch (FuzzException e)
            {
                found = e.Message;
            }
        });
        bool right = found is not null && findings.Any(f => found.Contains(f, StringComparison.Ordinal));
        Console.WriteLine(right ? $"canary, {name}: found in case {i}" : $"canary, {name}: not found; instead: {found ?? "nothing"}");
        return right;
    }
}
