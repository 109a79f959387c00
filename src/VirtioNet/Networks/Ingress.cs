using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Where frames come into a network by one queue of a port: applies the port's limit on what comes in, records what passed, and gives the burst to the network.
/// Keeps for the queue whether its thread is inside at this moment, its software finishing, its drops, and what the network wants to remember. Used by the
/// queue's data thread only, where nothing else is said.
/// </summary>
public sealed class Ingress : IDisposable
{
    private Passage _passage;
    private FrameCounters _drops;
    private OffloadFinisher? _finisher;

    /// <summary>Creates the way in.</summary>
    /// <param name="port">The port that the frames come in by.</param>
    /// <param name="queue">The number of its queue.</param>
    internal Ingress(Port port, int queue)
    {
        Port = port;
        Queue = queue;
    }

    /// <summary>The port that the frames come in by. Any thread.</summary>
    public Port Port { get; }

    /// <summary>The number of the port's queue. Any thread.</summary>
    public int Queue { get; }

    /// <summary>Frames that came in by this queue and were dropped on the way: exact, because each queue has its own.</summary>
    internal ref FrameCounters Drops => ref _drops;

    /// <summary>Finishes frames that came in by this queue.</summary>
    internal OffloadFinisher Finisher => _finisher ??= new OffloadFinisher();

    /// <summary>What the network that the port is joined to keeps for this queue.</summary>
    internal object? NetworkState { get; set; }

    /// <summary>Has the queue's sender come again when a limit, of this port or of a receiver, lets it.</summary>
    internal LimitWait LimitWait { get; } = new();

    /// <summary>Hands frames that came in to the network.</summary>
    /// <param name="burst">The frames; valid until this returns.</param>
    /// <param name="waiter">Scheduled when frames that were held back can be taken; null when the sender can't wait.</param>
    /// <returns>How many frames, from the first, are done with: fewer than the burst's only when a waiter was given.</returns>
    internal int Forward(FrameBurst burst, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        Enter();
        try
        {
            if (Port.Network is { } network)
            {
                int done = Port.IngressLimiter is { } limiter
                    ? ForwardLimited(network, limiter, burst, waiter)
                    : network.Forward(this, burst, waiter);

                // What was held back comes again, and is recorded then.
                Port.Capture?.Record(burst, burst.AllFrames[..done]);
                return done;
            }
        }
        finally
        {
            Leave();
        }

        _drops.Drop(DropReason.NoReceiver, burst.Count);
        return burst.Count;
    }

    /// <summary>Waits until the thread was seen outside, or came out and went in again. Control thread.</summary>
    internal void WaitUntilOutside()
    {
        long turns = Volatile.Read(ref _passage.Turns);
        var wait = default(SpinWait);
        while (Volatile.Read(ref _passage.Depth) != 0 && Volatile.Read(ref _passage.Turns) == turns)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>
    /// Forgets which frames were passed on in part, as another session's frames come next, or another guest gets them: without it the first that looks the same
    /// would lose what the last one had of it.
    /// </summary>
    internal void ForgetHalfSent()
    {
        _finisher?.ForgetSegments();
        (NetworkState as IForgetful)?.ForgetHalfSent();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LimitWait.Dispose();
        _finisher?.Dispose();
        (NetworkState as IDisposable)?.Dispose();
    }

    private int ForwardLimited(Network network, RateLimiter limiter, FrameBurst burst, BottomHalf? waiter)
    {
        long now = limiter.Clock.NowNs;
        int count = burst.Count;
        int admitted = limiter.Admit(burst, burst.AllFrames, now);
        int done = 0;
        if (admitted > 0)
        {
            burst.Count = admitted;
            done = network.Forward(this, burst, waiter);
            burst.Count = count;
        }

        if (done < admitted)
        {
            limiter.GiveBack(burst, burst.AllFrames[done..admitted]);
            return done;
        }

        if (admitted == count || LimitWait.TryBegin(limiter, now, waiter, ref Port.IngressLimiterField))
        {
            return admitted;
        }

        _drops.Drop(DropReason.RateLimit, count - admitted);
        return count;
    }

    /// <summary>The data thread begins to forward. May be nested.</summary>
    private void Enter()
    {
        // See Network.WaitForDataThreads for the fence that is left out here.
        Volatile.Write(ref _passage.Depth, _passage.Depth + 1);
    }

    /// <summary>The data thread is through.</summary>
    private void Leave()
    {
        int depth = _passage.Depth - 1;
        if (depth == 0)
        {
            _passage.Turns++;
        }

        Volatile.Write(ref _passage.Depth, depth);
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
