using System.Runtime.CompilerServices;

namespace VhostNet.Aio;

/// <summary>
/// The timers that one look under the lock of their list took out of it because they are due, so that a pass with many of them does not take the lock for each. It belongs to
/// the list: a nested run goes on with what the outer one took.
/// </summary>
internal struct TimerBatch
{
    private const int Capacity = 32;

    private readonly AioTimer?[] _timers;
    private int _next;
    private int _count;

    public TimerBatch() => _timers = new AioTimer?[Capacity];

    /// <summary>Nothing is left. Home thread.</summary>
    public readonly bool IsEmpty => _next == _count;

    /// <summary>There is no room. Home thread.</summary>
    public readonly bool IsFull => _count == Capacity && !IsEmpty;

    /// <summary>Gets when the next one is due; those that were deleted or moved meanwhile drop out. Home thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPeek(out long deadlineNs)
    {
        while (!IsEmpty)
        {
            AioTimer timer = _timers[_next]!;
            if (!timer.IsVoid)
            {
                deadlineNs = timer.DeadlineNs;
                return true;
            }

            _ = Take();
        }

        deadlineNs = 0;
        return false;
    }

    /// <summary>Adds one. Home thread, under the list's lock.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(AioTimer timer)
    {
        if (IsEmpty)
        {
            _next = _count = 0;
        }

        timer.EnterBatch();
        _timers[_count++] = timer;
    }

    /// <summary>Takes the next one. Home thread.</summary>
    /// <returns>Null if it was deleted or moved meanwhile.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public AioTimer? Take()
    {
        AioTimer timer = _timers[_next]!;
        _timers[_next++] = null;
        return timer.LeaveBatch() ? timer : null;
    }
}
