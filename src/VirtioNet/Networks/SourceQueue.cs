using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// What the data path keeps for one queue by which frames come in: whether its thread is forwarding at this moment, its software finishing, and what the
/// network wants to remember. Written by the queue's data thread only.
/// </summary>
internal sealed class SourceQueue : IDisposable
{
    private Passage _passage;
    private FrameCounters _drops;
    private OffloadFinisher? _finisher;
    private AioTimer? _timer;
    private AioClock? _timerClock;
    private BottomHalf? _waiter;

    /// <summary>Frames that came in by this queue and were dropped on the way: exact, because each queue has its own.</summary>
    public ref FrameCounters Drops => ref _drops;

    /// <summary>Finishes frames that came in by this queue.</summary>
    public OffloadFinisher Finisher => _finisher ??= new OffloadFinisher();

    /// <summary>What the network that the port is joined to keeps for this queue.</summary>
    public object? NetworkState { get; set; }

    /// <summary>The data thread begins to forward. May be nested.</summary>
    public void Enter()
    {
        // See Network.WaitForDataThreads for the fence that is left out here.
        Volatile.Write(ref _passage.Depth, _passage.Depth + 1);
    }

    /// <summary>The data thread is through.</summary>
    public void Leave()
    {
        int depth = _passage.Depth - 1;
        if (depth == 0)
        {
            _passage.Turns++;
        }

        Volatile.Write(ref _passage.Depth, depth);
    }

    /// <summary>Waits until the thread was seen outside, or came out and went in again. Control thread.</summary>
    public void WaitUntilOutside()
    {
        long turns = Volatile.Read(ref _passage.Turns);
        var wait = default(SpinWait);
        while (Volatile.Read(ref _passage.Depth) != 0 && Volatile.Read(ref _passage.Turns) == turns)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>
    /// Has a sender that a limit held back scheduled when it does well to come again. One timer serves the queue, made when it first has to wait.
    /// </summary>
    /// <param name="limiter">The limit.</param>
    /// <param name="nowNs">Time of the limit's clock.</param>
    /// <param name="waiter">The sender.</param>
    /// <param name="present">Where the port keeps its limit: if that is another one by now, the sender comes again at once.</param>
    /// <returns>False when the sender can't wait.</returns>
    public bool TryWait(RateLimiter limiter, long nowNs, BottomHalf? waiter, ref RateLimiter? present)
    {
        if (waiter is null || AioContext.Current is not { } context)
        {
            return false;
        }

        if (_timer is null || _timerClock != limiter.Clock)
        {
            _timer?.Delete();
            _timerClock = limiter.Clock;
            _timer = context.CreateTimer(limiter.Clock, () => _waiter?.Schedule());
        }

        Volatile.Write(ref _waiter, waiter);
        _timer.Modify(nowNs + limiter.WaitNs(nowNs));

        // Pairs with the barrier in Port.SetLimits.
        Interlocked.MemoryBarrier();
        if (!ReferenceEquals(Volatile.Read(ref present), limiter))
        {
            waiter.Schedule();
        }

        return true;
    }

    /// <summary>
    /// Forgets which frames were passed on in part, as another session's frames come next, or another guest gets them: without it the first that looks the same would lose what the last one
    /// had of it. On the queue's data thread.
    /// </summary>
    public void ForgetHalfSent()
    {
        _finisher?.ForgetSegments();
        (NetworkState as IForgetful)?.ForgetHalfSent();
    }

    /// <summary>Schedules the sender that a limit held back, before its time: the limit has changed. Any thread.</summary>
    public void Wake() => Volatile.Read(ref _waiter)?.Schedule();

    public void Dispose()
    {
        _timer?.Delete();
        _finisher?.Dispose();
        (NetworkState as IDisposable)?.Dispose();
    }

    /// <summary>On a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Passage
    {
        [FieldOffset(64)]
        public int Depth;

        [FieldOffset(72)]
        public long Turns;
    }
}
