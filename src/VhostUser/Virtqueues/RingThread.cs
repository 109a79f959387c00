using VhostNet.Aio;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Has something done by the thread that works on a ring, so that it can't meet the ring's callbacks half-way.</summary>
public static class RingThread
{
    /// <summary>
    /// Runs an action on a thread and waits for it. A thread that ended has no callbacks any more, so the action runs here then. Its exception is thrown here.
    /// </summary>
    /// <remarks>
    /// The wait ends: what stands before the action in the thread's loop is callbacks, each of which is one turn (<see cref="TurnBudget"/>), and a thread that
    /// ends meanwhile says so. Only a page of guest memory that never comes (postcopy, a file system of the front end's own) can hold a turn up for longer.
    /// </remarks>
    public static void RunOnOrHere(IoThread thread, Action action)
    {
        ArgumentNullException.ThrowIfNull(thread);
        ArgumentNullException.ThrowIfNull(action);
        bool taken = false;
        try
        {
            thread.Run(() =>
            {
                taken = true;
                action();
            });
            return;
        }
        catch (InvalidOperationException) when (!taken)
        {
            // It has ended, or is about to: then its last pass is waited for.
            thread.Stop();
        }

        action();
    }
}
