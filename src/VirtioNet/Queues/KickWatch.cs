using VhostNet.Aio;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Watches for the guest's kicks of one ring, on the ring's thread: the handler of the kick's descriptor with its poll callbacks, or what stands in for a kick
/// that there is none of. It is there as a whole or not at all. All members belong to that thread.
/// </summary>
internal sealed class KickWatch
{
    private readonly IoThread _thread;
    private readonly EventNotifier _kick;
    private readonly PollModeKick? _standIn;

    /// <summary>Begins to watch.</summary>
    /// <param name="thread">The ring's thread, which is the calling one.</param>
    /// <param name="kick">The guest's kicks, or null when it expects the ring to be polled.</param>
    /// <param name="calls">What is called.</param>
    /// <param name="step">Test-only: called before each step that can fail, with its number.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kick's can't be waited on; nothing is left behind.</exception>
    public KickWatch(IoThread thread, EventNotifier? kick, KickCalls calls, Action<int>? step = null)
    {
        _thread = thread;
        step?.Invoke(0);
        _standIn = kick is null ? new PollModeKick(thread, calls.Interval, step) : null;
        _kick = kick ?? _standIn!.Notifier;
        try
        {
            step?.Invoke(1);
            thread.Context.SetEventNotifier(_kick, calls.Kicked, calls.Poll, calls.PollReady);
            step?.Invoke(2);
            if (calls.BeginPolling is not null || calls.EndPolling is not null)
            {
                thread.Context.SetEventNotifierPollCallbacks(_kick, calls.BeginPolling, calls.EndPolling);
            }

            step?.Invoke(3);
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>Takes a kick.</summary>
    public void TestAndClear() => _kick.TestAndClear();

    /// <summary>Ends the watch; none of its callbacks is called any more. Also when the thread has ended and its context is gone.</summary>
    public void Close()
    {
        try
        {
            _thread.Context.SetEventNotifier(_kick, null);
        }
        catch (ObjectDisposedException)
        {
            // The context has removed its handlers itself.
        }
        finally
        {
            _standIn?.Dispose();
        }
    }
}
