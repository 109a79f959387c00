using System.Diagnostics;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Cli;

/// <summary>
/// Runs this program once more, with the same arguments but --detach, and waits until that process has taken over or has ended. What it says on its standard
/// output is the sign; its log goes where this process's would. So <c>ExecReload=</c> of a unit can start what outlives it.
/// </summary>
internal static class Background
{
    /// <summary>The line by which the other process says that it has taken over.</summary>
    public const string Sign = "vhostnetd has taken over";

    /// <summary>Starts it and waits.</summary>
    /// <param name="arguments">This process's arguments.</param>
    /// <returns>0 once it has taken over, or what it ended with.</returns>
    /// <exception cref="RefusalException">It can't be started.</exception>
    public static int Run(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        foreach (string argument in arguments.Where(a => a != "--detach"))
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process process = Process.Start(start)!;
            for (string? line = process.StandardOutput.ReadLine(); line is not null; line = process.StandardOutput.ReadLine())
            {
                if (line == Sign)
                {
                    return 0;
                }
            }

            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RefusalException(RefusalKind.Resource, $"--detach: {Environment.ProcessPath} can't be started: {e.Message}", e);
        }
    }
}
