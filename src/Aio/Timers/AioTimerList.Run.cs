using System.Runtime.CompilerServices;
using VhostNet.Aio.Faults;

namespace VhostNet.Aio.Timers;

/// <content>Firing.</content>
internal sealed partial class AioTimerList
{
    private TimerBatch _batch = new();
    private bool _batchUsed;
    private int _runningThread;

    // What was armed after this number belongs to a later pass; and up to where the list holds only such timers, among those that are due. Home thread.
    private long _passEnd;
    private long _scannedDeadlineNs;
    private long _scannedSequence;

    /// <summary>Waits until no callback of the list runs. Not from such a callback.</summary>
    /// <returns>False if that took longer than the time-out (milliseconds, -1 for ever).</returns>
    public bool WaitUntilDone(int timeoutMs)
    {
        if (Volatile.Read(ref _runningThread) == Environment.CurrentManagedThreadId)
        {
            throw new InvalidOperationException($"A timer callback of context '{Loop.Name}' stops its own clock '{Clock.Name}', which would wait for itself. Stop it from a bottom half or from another thread.");
        }

        return _done.Wait(timeoutMs);
    }

    /// <summary>
    /// Calls the callbacks of the timers that are due, in the order of their deadlines; of a nested run, first those which the outer one has taken. Those that
    /// are armed meanwhile wait for the next pass. Home thread.
    /// </summary>
    /// <returns>Whether there was one.</returns>
    public bool Run()
    {
        if (_batch.IsEmpty && Volatile.Read(ref _firstNs) == long.MaxValue)
        {
            return false;
        }

        // One reading for the pass.
        long now = Clock.NowNs;
        if (_batch.IsEmpty && Volatile.Read(ref _firstNs) > now)
        {
            return false;
        }

        int count = 0;
        int outerThread = _runningThread;
        (long, long, long) outerPass = (_passEnd, _scannedDeadlineNs, _scannedSequence);
        (_passEnd, _scannedDeadlineNs, _scannedSequence) = (Volatile.Read(ref _sequence), long.MinValue, 0);
        (IFaultOwner?, byte) outer = Loop.BeginTimers();
        _done.Reset();
        Volatile.Write(ref _runningThread, Environment.CurrentManagedThreadId);
        try
        {
            // Read after the event was reset, as the clock's switch reads the event after it was turned: one of both sees the other.
            Interlocked.MemoryBarrier();
            while (!Run(now, ref count))
            {
            }
        }
        finally
        {
            if (_batchUsed)
            {
                LeaveBatch();
            }

            (_passEnd, _scannedDeadlineNs, _scannedSequence) = outerPass;
            Loop.EndTimers(outer, count);
            Volatile.Write(ref _runningThread, outerThread);
            if (outerThread == 0)
            {
                _done.Set();
            }
        }

        return count != 0;
    }

    /// <returns>False if an exception was handed to its owner; the rest of the pass is still to run.</returns>
    private bool Run(long now, ref int count)
    {
        FaultFrame frame = Loop.Frame;
        AioTimer? timer = null;
        try
        {
            while (Clock.IsEnabled && TakeNext(now) is { } next)
            {
                timer = next;
                count++;
                frame.Switch(timer.Owner);
                timer.Callback();
            }

            return true;
        }
        catch (Exception e) when (Loop.Answers(timer?.Owner, e))
        {
            Loop.Report(timer!.Owner!, "timer", e);
            return false;
        }
    }

    /// <summary>The next one that is due: of those that were taken before, then of the list.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AioTimer? TakeNext(long now)
    {
        while (!_batch.IsEmpty)
        {
            if (_batch.Take() is { } timer)
            {
                return timer;
            }
        }

        return Volatile.Read(ref _firstNs) > now ? null : TakeExpired(now);
    }

    private AioTimer? TakeExpired(long now)
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            AioTimer? first = _head.Next(0);
            if (first is null || first.DeadlineNs > now)
            {
                return null;
            }

            if (first.Sequence > _passEnd)
            {
                first = FindBehindNext(now);
                if (first is not null)
                {
                    Remove(first);
                    UpdateFirst();
                }

                return first;
            }

            AioTimer? rest = Unlist(first);
            if (_batch.IsEmpty)
            {
                rest = TakeMore(rest, now);
            }

            _head.Next(0) = rest;
            UpdateFirst();
            return first;
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    /// <summary>
    /// Finds the next timer of this pass behind those that were armed in it. The search goes on where the last one of the pass ended: what came into the list
    /// since belongs to the next pass, wherever it is, and those that were put back from the batch are never before it.
    /// </summary>
    private AioTimer? FindBehindNext(long now)
    {
        Find(_scannedDeadlineNs, _scannedSequence);
        AioTimer? timer = _before[0].Next(0);
        while (timer is not null && timer.DeadlineNs <= now && timer.Sequence > _passEnd)
        {
            (_scannedDeadlineNs, _scannedSequence) = (timer.DeadlineNs, timer.Sequence);
            timer = timer.Next(0);
        }

        return timer is null || timer.DeadlineNs > now ? null : timer;
    }

    /// <summary>Takes those that are due too.</summary>
    /// <returns>The first that was not taken.</returns>
    private AioTimer? TakeMore(AioTimer? timer, long now)
    {
        while (timer is not null && timer.DeadlineNs <= now && timer.Sequence <= _passEnd && !_batch.IsFull)
        {
            AioTimer? next = Unlist(timer);
            _batchUsed = true;
            _batch.Add(timer);
            timer = next;
        }

        return timer;
    }

    /// <summary>Takes the first of the list out of it; the lowest link of the head is left to the caller, who sets it once for many.</summary>
    /// <returns>The next one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AioTimer? Unlist(AioTimer timer)
    {
        AioTimer? next = timer.Next(0);
        for (int level = 1; level < timer.Height; level++)
        {
            _head.Next(level) = timer.Next(level);
            timer.Next(level) = null;
        }

        timer.Next(0) = null;
        timer.IsListed = false;
        return next;
    }

    /// <summary>
    /// What was taken and has not fired, since a callback threw or somebody stopped the clock, waits in the list again, at its old place; also if it was armed
    /// besides, which was for later.
    /// </summary>
    private void LeaveBatch()
    {
        bool taken = false;
        try
        {
            _lock.Enter(ref taken);
            _batchUsed = false;
            while (!_batch.IsEmpty)
            {
                if (_batch.Take(out long deadlineNs, out long sequence) is { } timer)
                {
                    PutBack(timer, deadlineNs, sequence);
                }
            }

            UpdateFirst();
        }
        finally
        {
            if (taken)
            {
                _lock.Exit(useMemoryBarrier: false);
            }
        }
    }

    private void PutBack(AioTimer timer, long deadlineNs, long sequence)
    {
        if (timer.IsListed)
        {
            if (timer.IsBefore(deadlineNs, sequence))
            {
                return;
            }

            Remove(timer);
        }

        timer.DeadlineNs = deadlineNs;
        timer.Sequence = sequence;
        _ = Insert(timer);
    }
}
