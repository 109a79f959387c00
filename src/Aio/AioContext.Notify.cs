using System.Runtime.CompilerServices;
using VhostNet.Aio.Failpoints;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>Notify, accept and the counter of threads that may sleep. aio.md calls it the split-flag protocol; models/ proves it.</content>
public sealed partial class AioContext
{
    private readonly EventNotifier _notifier;
    private readonly AioHandler _notifierHandler;
    private NotifyState _state;

    /// <summary>Two for each thread that may sleep, one for an outer loop between prepare and check.</summary>
    internal int NotifyMe => Volatile.Read(ref _state.NotifyMe);

    /// <summary>The descriptor that wakes the home thread.</summary>
    internal EventNotifier Notifier => _notifier;

    /// <summary>
    /// Makes the thread that sleeps in <see cref="Poll"/>, or is about to, look at everything again. Costs one atomic operation when nobody does.
    /// </summary>
    public void Notify()
    {
        if (_state.Publish<FullBarrier>() != 0)
        {
            WriteNotifier();
        }
    }

    /// <summary>
    /// Notify after an atomic operation that put a bottom half on the stack: whoever arms afterwards looks at the stack, so that the flag is not needed. Who
    /// found the stack filled leaves it to the one who filled it: nobody sleeps on a filled stack, and each way from empty to filled is announced.
    /// </summary>
    /// <param name="wasEmpty">The stack was empty before.</param>
    private void NotifyPushed(bool wasEmpty)
    {
        if (LeavesOut(Failpoint.Pushed))
        {
            return;
        }

        if (wasEmpty && Volatile.Read(ref _state.NotifyMe) != 0)
        {
            WriteNotifier();
        }
    }

    private void WriteNotifier()
    {
        Interlocked.Increment(ref _state.NotifierWrites);
        if (LeavesOut(Failpoint.NotifierWrite))
        {
            return;
        }

        _notifier.Set();
        Reach(Failpoint.NotifierWritten);

        // After the write: a flag set before it could be taken by an accept that finds nothing to clear, and the descriptor would stay readable for ever.
        Interlocked.Exchange(ref _state.EventSet, 1);
        Reach(Failpoint.NotifierFlagged);
    }

    /// <summary>Takes the notification before any work is read: what is cleared here had its work published before.</summary>
    private void Accept()
    {
        if (Volatile.Read(ref _state.Notified) != 0 || Volatile.Read(ref _state.EventSet) != 0 || _home.NotifierReadable)
        {
            AcceptNotification(outer: false);
        }
    }

    /// <param name="outer">The outer loop does it, whose own wake-up it is.</param>
    private void AcceptNotification(bool outer)
    {
        _home.Notifies += Interlocked.Exchange(ref _state.Notified, 0);
        bool flagged = Volatile.Read(ref _state.EventSet) != 0 && Interlocked.Exchange(ref _state.EventSet, 0) != 0;
        if (flagged || _home.NotifierReadable)
        {
            ClearNotifier(flagged, outer);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ClearNotifier(bool flagged, bool outer)
    {
        if (LeavesOut(Failpoint.NotifierClear))
        {
            return;
        }

        bool readable = _home.NotifierReadable;
        _home.NotifierReadable = false;
        if (flagged || readable)
        {
            if (!readable || !_monitor.TakesNotifierEvents)
            {
                _notifier.TestAndClear();
            }

            if (!outer && (_state.NotifyMe & 1) != 0)
            {
                KickOuterLoop();
            }
        }
    }

    /// <summary>
    /// An outer loop sleeps, or is about to, and its event was taken by another poller: bottom halves were run, but a new deadline or handler concerns the
    /// sleeper.
    /// </summary>
    private void KickOuterLoop()
    {
        if (!LeavesOut(Failpoint.OuterKick))
        {
            _outerLoop?.Kick.Set();
        }
    }
}
