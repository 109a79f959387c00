using System.ComponentModel;
using System.Diagnostics;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Client;

/// <summary>The daemon as a program, for what needs no running one.</summary>
internal static class DaemonProgram
{
    /// <summary>The environment variable that names another program.</summary>
    public const string Variable = "VHOSTNETD";

    /// <summary>The program: the one that <see cref="Variable"/> names, that beside this program, or the one in PATH.</summary>
    public static string Path
    {
        get
        {
            if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            {
                return named;
            }

            string beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Environment.ProcessPath) ?? "/usr/bin", "vhostnetd");
            return File.Exists(beside) ? beside : "vhostnetd";
        }
    }

    /// <summary>Runs it to its end.</summary>
    /// <returns>What it ended with, what it printed and what it complained of.</returns>
    /// <exception cref="CtlException">It can't be started.</exception>
    public static (int Status, string Output, string Error) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Start(start);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Starts a program.</summary>
    /// <exception cref="CtlException">It can't be started.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            string remedy = start.FileName.EndsWith("vhostnetd", StringComparison.Ordinal) ? $"; {Variable}= names the daemon's program" : string.Empty;
            throw new CtlException(CtlExit.Unreachable, $"{start.FileName} can't be started: {new Errno(e.NativeErrorCode)}{remedy}", e);
        }
    }
}
