using System.Runtime.CompilerServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Where frames leave a network by a port: gives them to it as far as its limit on what goes out and the turn's budget allow, after finishing in software what
/// they leave undone and the port does not take, and records what went out. Any data thread, several at once.
/// </summary>
/// <param name="port">The port.</param>
internal sealed class Egress(Port port)
{
    private RateLimiter? _limiter;
    private int _retries;

    /// <summary>Limits what goes out; null for no limit. Set by the control thread.</summary>
    public RateLimiter? Limiter
    {
        get => Volatile.Read(ref _limiter);
        set => Volatile.Write(ref _limiter, value);
    }

    /// <summary>
    /// How many more times a guest without buffers is looked at before frames of a sender that can't wait are dropped. Set by the control thread.
    /// </summary>
    public int Retries
    {
        get => Volatile.Read(ref _retries);
        set => Volatile.Write(ref _retries, value);
    }

    /// <summary>Gives frames to the port.</summary>
    /// <param name="source">Where they came in; this is its data thread.</param>
    /// <param name="burst">The frames; valid until this returns.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="waiter">Scheduled when the port can take more; null when the source can't wait.</param>
    /// <returns>
    /// How many of <paramref name="frames"/> are done with; fewer than all when the port or the budget stopped it, the latter in the middle of a frame's
    /// segments too.
    /// </returns>
    public int Deliver(Ingress source, FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter)
    {
        if (!burst.IsSurelyAffordable(frames.Length))
        {
            return DeliverInSteps(source, burst, frames, waiter, out _);
        }

        return Limiter is { } limiter
            ? DeliverLimited(source, limiter, burst, frames, burst.BytesAtMost, waiter)
            : Pass(source, burst, frames, burst.BytesAtMost, waiter);
    }

    /// <summary>Gives frames of a source that can't wait to the port, which takes them or drops them, but for those that the turn's budget left.</summary>
    /// <param name="source">Where they came in; this is its data thread.</param>
    /// <param name="burst">The frames; valid until this returns.</param>
    /// <param name="frames">Indices into the burst, ascending.</param>
    /// <param name="bytes">The bytes of the frames that are done with.</param>
    /// <returns>How many of <paramref name="frames"/> are done with.</returns>
    public int Deliver(Ingress source, FrameBurst burst, ReadOnlySpan<ushort> frames, out long bytes) =>
        DeliverInSteps(source, burst, frames, waiter: null, out bytes);

    /// <summary>Gives the port as many frames at a time as the budget has room for.</summary>
    private int DeliverInSteps(Ingress source, FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter, out long bytes)
    {
        int done = 0;
        bytes = 0;
        do
        {
            ReadOnlySpan<ushort> affordable = frames.Slice(done, burst.Affordable(frames[done..], out long length));
            int taken = Limiter is { } limiter
                ? DeliverLimited(source, limiter, burst, affordable, length, waiter)
                : Pass(source, burst, affordable, length, waiter);
            done += taken;
            if (taken < affordable.Length)
            {
                bytes += burst.LengthOf(affordable[..taken]);
                break;
            }

            bytes += length;
        }
        while (done < frames.Length && !burst.Budget.IsSpent);
        return done;
    }

    /// <summary>Frames past the limit and within the budget, into the port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Pass(Ingress source, FrameBurst burst, ReadOnlySpan<ushort> frames, long bytesAtMost, BottomHalf? waiter)
    {
        if (burst.Unfinished != Offloads.None && LeavesTooMuch(burst, out Offloads taken))
        {
            return DeliverFinished(source, taken, burst, frames, waiter);
        }

        long before = burst.Budget.Left;
        int done = port.Deliver(burst, frames, source.Queue, waiter);
        burst.ChargeDelivery(before, frames[..done], bytesAtMost);
        port.Capture?.Record(burst, frames[..done]);
        return done;
    }

    /// <summary>True when some frame leaves undone what the port does not take.</summary>
    private bool LeavesTooMuch(FrameBurst burst, out Offloads taken)
    {
        taken = port.Accepts | port.Finishes;
        return (burst.Unfinished & ~taken) != Offloads.None;
    }

    private int DeliverFinished(Ingress source, Offloads taken, FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter)
    {
        int done = source.Finisher.Deliver(port, taken, burst, frames, source.Queue, waiter, ref source.Drops);
        port.Capture?.Record(burst, frames[..done]);
        return done;
    }

    private int DeliverLimited(Ingress source, RateLimiter limiter, FrameBurst burst, ReadOnlySpan<ushort> frames, long bytesAtMost, BottomHalf? waiter)
    {
        long now = limiter.Clock.NowNs;
        int admitted = limiter.Admit(burst, frames, now);
        burst.Budget.TakeChains(frames.Length);
        ReadOnlySpan<ushort> passed = frames[..admitted];
        int done = admitted == 0 ? 0 : Pass(source, burst, passed, bytesAtMost, waiter);
        if (done < admitted)
        {
            limiter.GiveBack(burst, frames[done..admitted]);
            return done;
        }

        if (admitted == frames.Length || source.LimitWait.TryBegin(limiter, now, waiter, ref _limiter))
        {
            return admitted;
        }

        // Several data threads may be here at once.
        Interlocked.Add(ref port.EgressCounters.Drops[(int)DropReason.RateLimit], frames.Length - admitted);
        return frames.Length;
    }
}
