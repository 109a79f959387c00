using System.Runtime.CompilerServices;

namespace VhostNet.Aio.Timers;

/// <summary>
/// The timers that one look under the lock of their list took out of it because they are due, so that a pass with many of them does not take the lock for each.
/// It belongs to the list: a nested run goes on with what the outer one took.
/// </summary>
internal struct TimerBatch
{
    private const int Capacity = 32;

    private readonly Place[] _places;
    private int _next;
    private int _count;

    public TimerBatch() => _places = new Place[Capacity];

    /// <summary>Nothing is left. Home thread.</summary>
    public readonly bool IsEmpty => _next == _count;

    /// <summary>There is no room. Home thread.</summary>
    public readonly bool IsFull => _count == Capacity && !IsEmpty;

    /// <summary>Adds one. Home thread, under the list's lock.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(AioTimer timer)
    {
        if (IsEmpty)
        {
            _next = _count = 0;
        }

        timer.EnterBatch();
        _places[_count++] = new Place(timer, timer.DeadlineNs, timer.Sequence);
    }

    /// <summary>Takes the next one. Home thread.</summary>
    /// <returns>Null if it was deleted or moved meanwhile.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public AioTimer? Take() => Take(out _, out _);

    /// <summary>Takes the next one, with what it was armed for: it may have been armed again since, for later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public AioTimer? Take(out long deadlineNs, out long sequence)
    {
        ref Place place = ref _places[_next++];
        AioTimer timer = place.Timer;
        deadlineNs = place.DeadlineNs;
        sequence = place.Sequence;
        place = default;
        return timer.LeaveBatch() ? timer : null;
    }

    private readonly record struct Place(AioTimer Timer, long DeadlineNs, long Sequence);
}
