using System.Collections.Concurrent;
using System.Diagnostics;

namespace VhostNet.TestKit;

/// <summary>
/// Starts processes from one thread that lives as long as the test run. The children ask to be killed when the thread that forked them ends
/// (setpriv --pdeathsig), so that a test run that crashes leaves none behind; a pool's thread may end earlier.
/// </summary>
internal static class ProcessSpawner
{
    private static readonly BlockingCollection<Action> s_work = [];

    static ProcessSpawner()
    {
        Thread thread = new(Work) { IsBackground = true, Name = "process spawner" };
        thread.Start();
    }

    /// <summary>Starts a process, with its three standard streams redirected.</summary>
    public static Task<Process> StartAsync(ProcessStartInfo info)
    {
        TaskCompletionSource<Process> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        s_work.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(info)!);
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task;
    }

    private static void Work()
    {
        foreach (Action action in s_work.GetConsumingEnumerable())
        {
            action();
        }
    }
}
