namespace VhostNet.Throughput;

/// <summary>Sees to it that the peers are installed and the daemon is built from the present source.</summary>
internal static class Preparation
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(15);

    /// <summary>Installs and builds what is missing or out of date.</summary>
    public static async Task RunAsync()
    {
        if (Environment.ProcessorCount < 2)
        {
            throw new TestPeerException("the comparison wants two processors: one for the front end, one for the back end");
        }

        await ScriptAsync("eng/install.sh");
        if (Environment.GetEnvironmentVariable("VHOSTNETD") is null && IsOutOfDate(Path.Combine(Repository.Root, "out", "vhostnetd")))
        {
            await ScriptAsync("build.sh");
        }
    }

    private static bool IsOutOfDate(string daemon) => !File.Exists(daemon)
        || new DirectoryInfo(Path.Combine(Repository.Root, "src")).EnumerateFiles("*.cs", SearchOption.AllDirectories)
            .Any(f => f.LastWriteTimeUtc > File.GetLastWriteTimeUtc(daemon));

    private static async Task ScriptAsync(string script)
    {
        await using ChildProcess process = await ChildProcess.StartAsync(script, Path.Combine(Repository.Root, script), []);
        if (await process.WaitForExitAsync(s_limit) is not 0 and var status)
        {
            throw process.Output.Failure($"exited with status {status}");
        }
    }
}
