using System.Buffers;
using System.Text.Json;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Api;

/// <summary>
/// Has the control thread write answers, for requests that do not wait for it longer than <see cref="Patience"/>. A buffer belongs to whoever writes into it: it
/// comes back to the next request when its writer is done with it, and with a request that gave up earlier it goes. Any thread.
/// </summary>
/// <param name="schedule">Has the control thread run a call.</param>
/// <param name="time">What patience is measured by.</param>
/// <param name="hang">Says how the control thread hangs, or null while it does not; null when nobody knows.</param>
internal sealed class ControlAnswers(Action<Action> schedule, TimeProvider time, Func<string?>? hang = null)
{
    /// <summary>How long a request waits for the control thread.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Calls that the control thread has still to look at, at most: one that hangs is not buried under requests, not even under withdrawn ones.</summary>
    public const int QueuedMax = 64;

    private ScratchBuffer? _spare;
    private int _queued;

    /// <summary>Takes a buffer for an answer that the calling thread writes.</summary>
    public ScratchBuffer Rent() => Interlocked.Exchange(ref _spare, null) ?? new ScratchBuffer();

    /// <summary>Gives a buffer back, into which nobody writes any more.</summary>
    public void Return(ScratchBuffer buffer)
    {
        buffer.Clear();
        Volatile.Write(ref _spare, buffer);
    }

    /// <summary>Has the control thread write an answer.</summary>
    /// <returns>The answer, which the caller returns.</returns>
    /// <exception cref="ControlException">The control thread did not come round to it (503), or what <paramref name="write"/> threw.</exception>
    public async Task<ScratchBuffer> WriteAsync(Action<Utf8JsonWriter> write)
    {
        ScratchBuffer buffer = Rent();
        try
        {
            await RunAsync(() =>
            {
                write(buffer.Json);
                buffer.Json.Flush();
            }).ConfigureAwait(false);
        }
        catch (ControlBusyException)
        {
            // The control thread may be writing into it at this moment.
            throw;
        }
        catch
        {
            Return(buffer);
            throw;
        }

        buffer.Bytes.Write("\n"u8);
        return buffer;
    }

    /// <summary>Runs something on the control thread.</summary>
    /// <exception cref="ControlBusyException">It did not run, or is not done yet; the message says which.</exception>
    public async Task RunAsync(Action action)
    {
        ControlCall call = await BeginAsync(action).ConfigureAwait(false);
        if (!call.Done.IsCompleted)
        {
            throw new ControlBusyException($"the control thread has not finished this request within {Patience.TotalSeconds:0} s; it goes on, and GET /status shows its outcome");
        }

        await call.Done.ConfigureAwait(false);
    }

    /// <summary>Runs something on the control thread; once it has begun, its end is waited for without limit, because its outcome matters.</summary>
    /// <exception cref="ControlBusyException">It was not begun, and never will be.</exception>
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
            throw new ControlBusyException($"the control thread hangs ({how}), so nothing was done");
        }

        if (Interlocked.Increment(ref _queued) > QueuedMax)
        {
            Interlocked.Decrement(ref _queued);
            throw new ControlBusyException($"{QueuedMax} requests wait for the control thread already, so nothing was done; GET /health says which thread hangs");
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
            : throw new ControlBusyException(
                $"the control thread did not come round to this request within {Patience.TotalSeconds:0} s, so nothing was done; GET /health says which thread hangs");
    }
}
