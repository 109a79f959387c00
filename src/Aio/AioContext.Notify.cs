using System.Runtime.InteropServices;

namespace VhostNet.Aio;

/// <content>Notify, accept and the counter of threads that may sleep.</content>
public sealed partial class AioContext
{
    private readonly EventNotifier _notifier;
    private readonly AioHandler _notifierHandler;
    private SharedState _state;
    private long _notifierWrites;

    /// <summary>Makes the thread that sleeps in <see cref="Poll"/>, or is about to, look at everything again.</summary>
    public void Notify()
    {
        // A full barrier on both sides: what the caller did is visible before the flag, and the flag before the counter is read.
        Interlocked.Exchange(ref _state.Notified, 1);
        if (Volatile.Read(ref _state.NotifyMe) != 0)
        {
            WriteNotifier();
        }
    }

    private void WriteNotifier()
    {
        Interlocked.Increment(ref _notifierWrites);
        _notifier.Set();

        // After the write: a flag set before it could be taken by an accept that finds nothing to clear, and the descriptor would stay readable for ever.
        Interlocked.Exchange(ref _state.EventSet, 1);
    }

    private void Accept()
    {
        bool readable = _notifierHandler.Revents != 0;
        if (Volatile.Read(ref _state.Notified) == 0 && Volatile.Read(ref _state.EventSet) == 0 && !readable)
        {
            return;
        }

        // Before any work is read: an event that is cleared here had its work published before.
        Interlocked.Exchange(ref _state.Notified, 0);
        if (Interlocked.Exchange(ref _state.EventSet, 0) != 0 || readable)
        {
            _notifier.TestAndClear();
        }
    }

    /// <summary>What other threads write, on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct SharedState
    {
        [FieldOffset(64)]
        public BottomHalf? BottomHalves;

        [FieldOffset(72)]
        public int Notified;

        [FieldOffset(76)]
        public int NotifyMe;

        [FieldOffset(80)]
        public int EventSet;
    }
}
