using System.Runtime.ExceptionServices;

namespace VhostNet.Aio;

/// <content>async and await on the loop.</content>
public sealed partial class AioContext
{
    /// <summary>Posts to this context: bottom halves that run once, in the order of posting.</summary>
    public SynchronizationContext SynchronizationContext { get; }

    /// <summary>What follows the await runs on the home thread, in a later pass of the loop; also if it is the home thread that awaits.</summary>
    public SwitchToAwaitable SwitchTo() => new(this);

    internal void RunPosted(SendOrPostCallback callback, object? state)
    {
        SynchronizationContext? previous = System.Threading.SynchronizationContext.Current;
        if (previous == SynchronizationContext)
        {
            callback(state);
            return;
        }

        System.Threading.SynchronizationContext.SetSynchronizationContext(SynchronizationContext);
        try
        {
            callback(state);
        }
        finally
        {
            System.Threading.SynchronizationContext.SetSynchronizationContext(previous);
        }
    }

    /// <summary>Runs an action on the home thread and waits for it; its exception is thrown here. Some thread must be polling.</summary>
    internal void RunAndWait(Action action)
    {
        using ManualResetEventSlim done = new();
        ExceptionDispatchInfo? error = null;
        ScheduleOneShot(() =>
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // It is thrown again on the thread that waits.
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
#pragma warning restore CA1031

            done.Set();
        });
        done.Wait();
        error?.Throw();
    }
}
