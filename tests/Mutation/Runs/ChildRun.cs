using System.Diagnostics;
using System.Text;

namespace VhostNet.Mutation.Runs;

/// <summary>Runs a program to its end, or until its time is over.</summary>
internal static class ChildRun
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(5);

    /// <summary>Runs it.</summary>
    /// <param name="program">What to run.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="directory">Where.</param>
    /// <param name="limit">Then it is killed, with all that it started.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    public static ProcessResult Execute(
        string program, IEnumerable<string> arguments, string directory, TimeSpan limit, params IEnumerable<(string Name, string Value)> environment) =>
        Execute(program, arguments, directory, limit, null, environment);

    /// <summary>Runs it until it says a word, which is all that one wants to know.</summary>
    /// <param name="program">What to run.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="directory">Where.</param>
    /// <param name="limit">Then it is killed, with all that it started.</param>
    /// <param name="word">The word; null to wait for the end.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    public static ProcessResult Execute(
        string program, IEnumerable<string> arguments, string directory, TimeSpan limit, string? word, IEnumerable<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        var output = new StringBuilder();
        long begin = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        var streams = new CountdownEvent(2);
        process.OutputDataReceived += (_, e) => Append(output, e.Data, streams);
        process.ErrorDataReceived += (_, e) => Append(output, e.Data, streams);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        bool said = false;
        while (!process.WaitForExit(s_look) && !said && Stopwatch.GetElapsedTime(begin) < limit)
        {
            lock (output)
            {
                said = word is not null && output.ToString().Contains(word, StringComparison.Ordinal);
            }
        }

        bool ended = process.HasExited;
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(s_lastWords);
        }

        // What it started may outlive it and keep its streams open.
        streams.Wait(s_lastWords);
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        lock (output)
        {
            return new ProcessResult(ended ? process.ExitCode : -1, output.ToString(), !ended && !said, time);
        }
    }

    private static void Append(StringBuilder output, string? line, CountdownEvent streams)
    {
        if (line is null)
        {
            streams.Signal();
            return;
        }

        lock (output)
        {
            // A mutant in a loop may say the same for ever.
            if (output.Length < 1 << 22)
            {
                output.AppendLine(line);
            }
        }
    }
}
