namespace VhostNet.Fuzz;

/// <summary>Runs targets that have a fault built in until the fault is found.</summary>
internal static class CanaryRun
{
    private const int CasesMax = 3000;

    /// <summary>Runs those whose name contains a text, or all.</summary>
    public static (int Found, int Missed) All(string? text = null)
    {
        (int all, int found) = (0, 0);
        foreach ((string name, Func<FuzzTarget> create, string[] findings) in Canary.All.Where(c => text is null || c.Name.Contains(text, StringComparison.OrdinalIgnoreCase)))
        {
            all++;
            found += IsFound(name, create, findings) ? 1 : 0;
        }

        return (found, all - found);
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
