namespace VhostNet.Latency;

/// <summary>Runs the guest's part on a thread of its own on processor 0, so that the back end has the other one for itself.</summary>
internal static class PinnedThread
{
    private const int GuestCpu = 0;

    /// <summary>Runs a function to its end; its exception comes out of the task.</summary>
    public static Task<T> RunAsync<T>(Func<T> function, int cpu = GuestCpu)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            _ = sched_setaffinity(cpu);
            try
            {
                done.SetResult(function());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return done.Task;
    }

    /// <summary>Runs an action to its end.</summary>
    public static Task RunAsync(Action action) => RunAsync(() =>
    {
        action();
        return true;
    });
}
