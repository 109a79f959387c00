using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>Faults for <see cref="FramesTarget"/>, one for each of its checks.</summary>
internal static class FrameCanary
{
    private const ulong Segments = VirtioNetFeatures.GUEST_TSO4 | VirtioNetFeatures.GUEST_TSO6 | VirtioNetFeatures.GUEST_USO4 | VirtioNetFeatures.GUEST_USO6;

    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> All =>
    [
        ("a byte behind a buffer's stated length", Behind(WriteBehind), ["receive buffers: a byte was written"]),
        ("a byte of a frame that is only to be read", Behind(WriteToSender), ["attacker's frames: a byte was written"]),
        ("partial checksums for a guest without GUEST_CSUM", Believing(f => f | VirtioNetFeatures.GUEST_CSUM), ["NEEDS_CSUM came"]),
        ("segments for a guest that does not take them", Believing(f => (f & VirtioNetFeatures.GUEST_CSUM) == 0 ? f : f | Segments), ["did not negotiate it"]),
        ("a checksum in the wrong place", Behind(MisplaceChecksum), ["its checksum is"]),
        ("a frame that vanishes uncounted", Behind(Swallow), ["vanished"]),
        ("a frame that never comes back", () => new FramesTarget(new FrameFaults { Delivery = Hold }, TimeSpan.FromSeconds(1)), ["frames do not come back"]),
        ("a port that gives up after a while", Behind(GiveUp()), ["does not reach"]),
        ("an exception on a data thread", Behind(Throw), ["an exception escaped"]),
    ];

    private static Func<FuzzTarget> Behind(InterposedPort.Meddler fault) => () => new FramesTarget(new FrameFaults { Delivery = fault });

    private static Func<FuzzTarget> Believing(Func<ulong, ulong> features) => () => new FramesTarget(new FrameFaults { Negotiated = features });

    private static int WriteBehind(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        nint behind = guest.Pairs[0].Rx.TryLock(out LockedRing ring) ? FirstByteBehind(ring, burst[frames[0]].TotalLength + VirtioNetHeader.Size) : 0;
        int done = guest.Deliver(burst, frames, queue, waiter);
        if (behind != 0)
        {
            Flip(behind);
        }

        return done;
    }

    /// <summary>Where the next buffer goes on behind a frame of some length; 0 when that isn't in its first piece.</summary>
    private static nint FirstByteBehind(LockedRing ring, uint length)
    {
        using (ring)
        {
            using var burst = new ChainBurst();
            bool fits = ring.Queue.Peek(burst, 1, ChainDirection.Writable) == 1 && burst[0].Length > length;
            return fits ? burst[0].Address + (nint)length : 0;
        }
    }

    private static int WriteToSender(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        int done = guest.Deliver(burst, frames, queue, waiter);
        Chain chain = burst[frames[0]];
        if (chain is { SegmentCount: 1, Length: > 0 })
        {
            Flip(chain.Address + (nint)chain.Length - 1);
        }

        return done;
    }

    private static int MisplaceChecksum(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        foreach (ushort frame in frames)
        {
            if (burst.Header(frame) is { Flags: VirtioNetHeader.F_NEEDS_CSUM, GsoType: VirtioNetHeader.GSO_NONE, CsumOffset: 16 })
            {
                burst.Header(frame).CsumOffset = 14;
            }
        }

        return guest.Deliver(burst, frames, queue, waiter);
    }

    private static int Swallow(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        if (frames.Length < 8)
        {
            return guest.Deliver(burst, frames, queue, waiter);
        }

        int done = guest.Deliver(burst, frames[..^1], queue, waiter);
        return done == frames.Length - 1 ? frames.Length : done;
    }

    private static int Hold(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) =>
        waiter is null ? guest.Deliver(burst, frames, queue, waiter) : 0;

    private static InterposedPort.Meddler GiveUp()
    {
        int left = 5000;
        return (guest, burst, frames, queue, waiter) =>
        {
            if (Interlocked.Add(ref left, -frames.Length) > 0)
            {
                return guest.Deliver(burst, frames, queue, waiter);
            }

            guest.EgressCounters.Drop(DropReason.OsError, frames.Length);
            return frames.Length;
        };
    }

    private static int Throw(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) =>
        frames.Length == 7 ? throw new InvalidOperationException("the canary sings") : guest.Deliver(burst, frames, queue, waiter);

    private static void Flip(nint address) => Marshal.WriteByte(address, (byte)~Marshal.ReadByte(address));
}
