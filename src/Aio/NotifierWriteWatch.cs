namespace VhostNet.Aio;

/// <summary>
/// Frees threads that a stranger holds in the write of a shared eventfd: its counter is full, and somebody cleared O_NONBLOCK, which belongs to the open file.
/// The kernel has no write that never waits for an eventfd; but whoever reads the counter lets the writer go, and the read can be told not to wait. A watchdog
/// thread calls
/// <see cref="Look"/> now and then, a few times a second.
/// </summary>
/// <remarks>
/// Each thread publishes what it is writing (see <see cref="EventNotifier.Set"/>). A thread that is in the same write at two looks one after the other, and
/// whose counter is full, is stuck. Its notifier is muted, so that nobody writes it again; it is read until the thread has moved on; and
/// <see cref="EventNotifier.Stuck"/> tells its owner. A writer that the scheduler merely kept from running loses nothing: a counter that is not full is left
/// alone.
/// </remarks>
public sealed class NotifierWriteWatch
{
    /// <summary>A stranger that fills the counter again and again can win a few times; then the next look goes on.</summary>
    private const int AttemptsMax = 1000;

    private readonly Dictionary<NotifierWriter, long> _seen = [];

    /// <summary>Writes that were found stuck since the watch was made. Any thread.</summary>
    public long StuckWrites { get; private set; }

    /// <summary>
    /// Looks at every thread that writes a stranger's notifier, and frees those that have not moved since the last look. One thread at a time; never waits.
    /// </summary>
    /// <returns>How many were found stuck now.</returns>
    public int Look()
    {
        List<EventNotifier>? stuck = null;
        NotifierWriter[] writers = NotifierWriter.All();
        foreach (NotifierWriter writer in writers)
        {
            if (writer.Writing(out long sequence) is not { } notifier)
            {
                _seen.Remove(writer);
            }
            else if (!_seen.TryGetValue(writer, out long before) || before != sequence)
            {
                _seen[writer] = sequence;
            }
            else if (Free(writer, notifier, sequence))
            {
                (stuck ??= []).Add(notifier);
            }
        }

        if (_seen.Count > writers.Length)
        {
            ForgetEnded(writers);
        }

        // Last, so that nobody's callback keeps another thread from being freed.
        stuck?.ForEach(static n => n.ReportStuck());
        StuckWrites += stuck?.Count ?? 0;
        return stuck?.Count ?? 0;
    }

    /// <returns>Whether the thread was stuck.</returns>
    private static bool Free(NotifierWriter writer, EventNotifier notifier, long sequence)
    {
        // The writer's own use keeps the descriptor open, also after the notifier was disposed of; ours does from here on.
        if (!notifier.TryUse())
        {
            return false;
        }

        bool stuck = false;
        for (int i = 0; i < AttemptsMax && writer.IsIn(notifier, sequence); i++)
        {
            if (notifier.IsFull())
            {
                stuck = true;
                notifier.Mute();
                notifier.TakeNoWait();
            }

            Thread.Yield();
        }

        notifier.EndUse();
        return stuck;
    }

    private void ForgetEnded(NotifierWriter[] writers)
    {
        foreach (NotifierWriter writer in _seen.Keys.Except(writers).ToArray())
        {
            _seen.Remove(writer);
        }
    }
}
