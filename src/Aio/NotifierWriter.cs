using System.Runtime.InteropServices;

namespace VhostNet.Aio;

/// <summary>
/// Which notifier of a stranger's one thread is writing at this moment. Only that thread writes it, with plain and releasing stores, so that publishing costs
/// next to nothing beside the system call; a <see cref="NotifierWriteWatch"/> on any thread reads it.
/// </summary>
internal sealed class NotifierWriter
{
    private static readonly Lock s_lock = new();
    private static readonly List<NotifierWriter> s_writers = [];

    [ThreadStatic]
    private static NotifierWriter? s_current;

    private readonly Thread _thread = Thread.CurrentThread;
    private Slot _slot;

    private NotifierWriter()
    {
    }

    /// <summary>The calling thread's. The first call of a thread allocates it.</summary>
    public static NotifierWriter Current => s_current ?? Register();

    /// <summary>The slots of all threads that have one and still run.</summary>
    public static NotifierWriter[] All()
    {
        lock (s_lock)
        {
            s_writers.RemoveAll(static w => !w._thread.IsAlive);
            return [.. s_writers];
        }
    }

    /// <summary>The thread is about to write.</summary>
    public void Begin(EventNotifier notifier)
    {
        // The number first: whoever sees the notifier sees the number of this write, or of a later one.
        _slot.Sequence++;
        Volatile.Write(ref _slot.Notifier, notifier);
    }

    /// <summary>The thread has come back.</summary>
    public void End() => Volatile.Write(ref _slot.Notifier, null);

    /// <summary>What the thread is writing now; null if it is not.</summary>
    /// <param name="sequence">Number of that write.</param>
    public EventNotifier? Writing(out long sequence)
    {
        EventNotifier? notifier = Volatile.Read(ref _slot.Notifier);
        sequence = Volatile.Read(ref _slot.Sequence);
        return notifier;
    }

    /// <summary>The thread is still in a write that was seen before.</summary>
    public bool IsIn(EventNotifier notifier, long sequence) => Writing(out long now) == notifier && now == sequence;

    private static NotifierWriter Register()
    {
        NotifierWriter writer = new();
        lock (s_lock)
        {
            s_writers.RemoveAll(static w => !w._thread.IsAlive);
            s_writers.Add(writer);
        }

        return s_current = writer;
    }

    /// <summary>On a cache line of its own: threads that write at the same time don't hold each other up.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Slot
    {
        [FieldOffset(64)]
        public EventNotifier? Notifier;

        [FieldOffset(72)]
        public long Sequence;
    }
}
