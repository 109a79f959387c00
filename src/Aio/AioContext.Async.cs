using VhostNet.Aio.BottomHalves;

namespace VhostNet.Aio;

/// <content>async and await on the loop.</content>
public sealed partial class AioContext
{
    private readonly List<HomeCall> _calls = [];
    private bool _callsClosed;

    /// <summary>Posts to this context: bottom halves that run once, in the order of posting.</summary>
    public SynchronizationContext SynchronizationContext { get; }

    /// <summary>What follows the await runs on the home thread, in a later pass of the loop; also if it is the home thread that awaits.</summary>
    public SwitchToAwaitable SwitchTo() => new(this);

    void IBottomHalfLoop.RunPosted(SendOrPostCallback callback, object? state)
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
    /// <exception cref="InvalidOperationException">The loop ended before the action ran.</exception>
    internal void RunAndWait(Action action)
    {
        using HomeCall call = new(action);
        lock (_calls)
        {
            if (_callsClosed)
            {
                call.Fail(Name);
            }
            else
            {
                _calls.Add(call);
            }
        }

        ScheduleOneShot(call.Run);
        call.Wait();
        lock (_calls)
        {
            _calls.Remove(call);
        }

        call.ThrowIfFailed();
    }

    /// <summary>
    /// Nobody polls any more: whoever waits for an action is told, and so is whoever comes later. <see cref="BindToCurrentThread"/> takes it back.
    /// </summary>
    internal void CloseCalls()
    {
        lock (_calls)
        {
            _callsClosed = true;
            foreach (HomeCall call in _calls)
            {
                call.Fail(Name);
            }
        }
    }

    private void OpenCalls()
    {
        lock (_calls)
        {
            _callsClosed = false;
        }
    }
}
