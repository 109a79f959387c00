using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Hosting;

/// <summary>Has the control thread run actions for requests that do not wait for it longer than <see cref="Patience"/>. Any thread.</summary>
/// <param name="schedule">Has the control thread run a call.</param>
/// <param name="time">What patience is measured by.</param>
/// <param name="hang">Says how the control thread hangs, or null while it does not; null when nobody knows.</param>
internal sealed class ControlQueue(Action<Action> schedule, TimeProvider time, Func<string?>? hang = null)
{
    /// <summary>How long a request waits for the control thread.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Calls that the control thread has still to look at, at most: one that hangs is not buried under requests, not even under withdrawn ones.
    /// </summary>
    public const int QueuedMax = 64;

    private int _queued;

    /// <summary>Runs something on the control thread.</summary>
    /// <exception cref="RefusalException"><see cref="RefusalKind.Busy"/>: it did not run, or is not done yet; the message says which.</exception>
    public async Task RunAsync(Action action)
    {
        ControlCall call = await BeginAsync(action).ConfigureAwait(false);
        if (!call.Done.IsCompleted)
        {
            throw Busy($"the control thread has not finished this request within {Patience.TotalSeconds:0} s; it goes on, and GET /status shows its outcome");
        }

        await call.Done.ConfigureAwait(false);
    }

    /// <summary>Runs something on the control thread; once it has begun, its end is waited for without limit, because its outcome matters.</summary>
    /// <exception cref="RefusalException"><see cref="RefusalKind.Busy"/>: it was not begun, and never will be.</exception>
    public async Task RunToEndAsync(Action action)
    {
        ControlCall call = await BeginAsync(action).ConfigureAwait(false);
        await call.Done.ConfigureAwait(false);
    }

    /// <summary>Waits until the control thread is done with an action, or patience is at its end and the action has begun.</summary>
    private async Task<ControlCall> BeginAsync(Action action)
    {
        if (hang?.Invoke() is { } how)
        {
            throw Busy($"the control thread hangs ({how}), so nothing was done");
        }

        if (Interlocked.Increment(ref _queued) > QueuedMax)
        {
            Interlocked.Decrement(ref _queued);
            throw Busy($"{QueuedMax} requests wait for the control thread already, so nothing was done; GET /health says which thread hangs");
        }

        var call = new ControlCall(action);
        schedule(() =>
        {
            Interlocked.Decrement(ref _queued);
            call.Run();
        });
        await call.Done.WaitAsync(Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return call.Done.IsCompleted || !call.TryWithdraw()
            ? call
            : throw Busy(
                $"the control thread did not come round to this request within {Patience.TotalSeconds:0} s, so nothing was done; GET /health says which " +
                    "thread hangs");
    }

    private static RefusalException Busy(string message) => new(RefusalKind.Busy, message);
}
