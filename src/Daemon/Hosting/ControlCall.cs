namespace VhostNet.Daemon.Hosting;

/// <summary>
/// One action that the control thread shall run for somebody who does not wait for ever. Who gave up waiting can withdraw an action that has not begun; one
/// that has begun keeps all that it was given, and its outcome goes to nobody. Any thread.
/// </summary>
internal sealed class ControlCall
{
    private const int Waiting = 0;
    private const int Begun = 1;
    private const int Withdrawn = 2;

    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action? _action;
    private int _state = Waiting;

    /// <summary>Makes a call; nothing runs yet.</summary>
    public ControlCall(Action action) => _action = action;

    /// <summary>Completes when the action has run, with its exception if it threw. Never, for a call that was withdrawn.</summary>
    public Task Done => _done.Task;

    /// <summary>
    /// Runs the action unless it was withdrawn. Throws nothing: what the action throws is thrown where somebody awaits <see cref="Done"/>. Control thread.
    /// </summary>
    public void Run()
    {
        if (Interlocked.CompareExchange(ref _state, Begun, Waiting) != Waiting)
        {
            return;
        }

        try
        {
            _action!();
            _done.SetResult();
        }
#pragma warning disable CA1031 // It is thrown again where the caller waits.
        catch (Exception e)
        {
            _done.SetException(e);

            // Whoever asked may have gone: then it is nobody's.
            _ = _done.Task.Exception;
        }
#pragma warning restore CA1031
    }

    /// <summary>Takes the action back if it has not begun; it never will then, and nothing that it refers to is kept.</summary>
    /// <returns>False when it has begun or is done.</returns>
    public bool TryWithdraw()
    {
        if (Interlocked.CompareExchange(ref _state, Withdrawn, Waiting) != Waiting)
        {
            return false;
        }

        _action = null;
        return true;
    }
}
