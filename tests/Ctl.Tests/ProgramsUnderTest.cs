using System.Runtime.CompilerServices;
using VhostNet.TestKit;
using Xunit.Sdk;
using Xunit.v3;

// Processes are started and waited for: one at a time gives failures that can be read.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace VhostNet.Ctl.Tests;

internal static class ProgramsUnderTest
{
    /// <summary>The tool: the environment's VHOSTNETCTL, or the one that was built together with the tests.</summary>
    public static string Tool => Environment.GetEnvironmentVariable("VHOSTNETCTL") ?? Path.Combine(AppContext.BaseDirectory, "vhostnetctl");

    /// <summary>Without VHOSTNETD the tests run the daemon that was built together with them.</summary>
    [ModuleInitializer]
    internal static void Choose()
    {
        if (Environment.GetEnvironmentVariable("VHOSTNETD") is null)
        {
            Environment.SetEnvironmentVariable("VHOSTNETD", Path.Combine(AppContext.BaseDirectory, "vhostnetd"));
        }
    }

    /// <summary>Runs the tool to its end.</summary>
    public static async Task<ToolResult> RunAsync(params string[] arguments)
    {
        await using ChildProcess process = await ChildProcess.StartAsync("vhostnetctl", Tool, arguments);
        int status = await process.WaitForExitAsync(TimeSpan.FromSeconds(60));
        string all = process.Output.ToString();
        string output = process.StandardOutput.ToString();
        return new ToolResult(status, output, output.Length == 0 ? all : all.Replace(output, string.Empty, StringComparison.Ordinal));
    }
}
