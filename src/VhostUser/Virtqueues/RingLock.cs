using System.Diagnostics;
using System.Runtime.CompilerServices;
using VhostNet.Aio.Failpoints;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// The lock of one ring, taken once per burst by the thread that works on it and by the control thread when it changes the ring. Not recursive. A thread
/// that needs two takes the transmit ring's first, then the receive ring's; never two of a kind.
/// </summary>
/// <remarks>
/// Who holds it leaves at the end of a turn at the latest, which <see cref="TurnBudget"/> bounds. A thread that asks with <see cref="TryEnterFor"/> is let in
/// first: one that takes the lock burst after burst would otherwise win it nearly every time.
/// </remarks>
internal sealed class RingLock
{
    /// <summary>How long the control thread spins for a ring's lock before it asks the ring's own thread instead: two turns.</summary>
    public const long ControlWaitNs = 2_000_000;

    /// <summary>How many looks a data thread leaves the way free for somebody who asked first: that one may not even have a processor.</summary>
    private const int Courtesy = 20;

    private int _taken;
    private int _asking;

    /// <summary>Takes the lock, yielding the CPU while somebody else has it. Data threads.</summary>
    public void Enter()
    {
        BeforeEnter();
        if (_asking != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0)
        {
            EnterContended();
        }
    }

    /// <summary>Takes the lock if it is free and nobody asks for it.</summary>
    public bool TryEnter()
    {
        BeforeEnter();
        return _asking == 0 && Interlocked.CompareExchange(ref _taken, 1, 0) == 0;
    }

    /// <summary>Takes the lock as soon as it is free, before those who come again and again; gives up after a time.</summary>
    /// <param name="nanoseconds">The time in nanoseconds by the machine's clock; the lock is tried at least once.</param>
    public bool TryEnterFor(long nanoseconds)
    {
        if (Interlocked.CompareExchange(ref _taken, 1, 0) == 0)
        {
            return true;
        }

        long start = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _asking);
        try
        {
            var wait = default(SpinWait);
            while (Volatile.Read(ref _taken) != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0)
            {
                if (Stopwatch.GetElapsedTime(start).TotalNanoseconds >= nanoseconds)
                {
                    return false;
                }

                wait.SpinOnce(sleep1Threshold: -1);
            }

            return true;
        }
        finally
        {
            Interlocked.Decrement(ref _asking);
        }
    }

    /// <summary>Whether somebody waits who is let in first.</summary>
    internal bool IsAskedFor => Volatile.Read(ref _asking) != 0;

    /// <summary>Gives the lock back.</summary>
    public void Exit() => Volatile.Write(ref _taken, 0);

    /// <summary>A failpoint: what the next <see cref="Enter"/> or <see cref="TryEnter"/> runs before it takes the lock.</summary>
    internal Action? StepBeforeNextEnter { get; set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void BeforeEnter()
    {
        if (FailpointSwitch.IsOn && StepBeforeNextEnter is { } step)
        {
            StepBeforeNextEnter = null;
            step();
        }
    }

    private void EnterContended()
    {
        var wait = default(SpinWait);
        for (int looks = 0; ; looks++)
        {
            if (Volatile.Read(ref _taken) == 0 && (Volatile.Read(ref _asking) == 0 || looks >= Courtesy) && Interlocked.CompareExchange(ref _taken, 1, 0) == 0)
            {
                return;
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }
    }
}
