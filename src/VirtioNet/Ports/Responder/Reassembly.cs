using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// Puts datagrams together from their fragments. What senders can make it keep is bounded in number (<see cref="DatagramsMax"/>, about 70 KiB each) and in time
/// (<see cref="LifeNs"/>). Not thread-safe.
/// </summary>
internal sealed class Reassembly(AioClock clock)
{
    /// <summary>Most datagrams that are incomplete at a time; a further one takes the oldest one's place.</summary>
    public const int DatagramsMax = 8;

    /// <summary>How long a datagram's first fragment waits for the rest.</summary>
    public const long LifeNs = 10_000_000_000;

    private readonly FragmentedDatagram?[] _datagrams = new FragmentedDatagram?[DatagramsMax];
    private FrameCounters _counters;

    /// <summary>
    /// Fragments that were dropped: <see cref="DropReason.Unsafe"/> when they overlap or lie, <see cref="DropReason.Quota"/> when the rest did not come in time
    /// or others needed the room.
    /// </summary>
    public ref FrameCounters Counters => ref _counters;

    /// <summary>Takes a fragment.</summary>
    /// <param name="key">Its datagram.</param>
    /// <param name="offset">Where it begins, in bytes.</param>
    /// <param name="data">Its bytes.</param>
    /// <param name="isLast">Whether the datagram ends with it.</param>
    /// <returns>The datagram when it is whole, which is the caller's until it ends it; null otherwise.</returns>
    public FragmentedDatagram? Add(in FragmentKey key, int offset, ReadOnlySpan<byte> data, bool isLast)
    {
        if (data.IsEmpty || offset + data.Length > FragmentedDatagram.PayloadMax || (!isLast && data.Length % 8 != 0))
        {
            _counters.Drop(DropReason.Unsafe);
            return null;
        }

        FragmentedDatagram datagram = Find(key);
        if (!datagram.TryAdd(offset, data, isLast))
        {
            _counters.Drop(DropReason.Unsafe, datagram.Count + 1);
            datagram.End();
            return null;
        }

        return datagram.IsWhole ? datagram : null;
    }

    /// <summary>Forgets all that is incomplete.</summary>
    public void Clear()
    {
        foreach (FragmentedDatagram? datagram in _datagrams)
        {
            datagram?.End();
        }
    }

    // Allocates: once for each datagram that was ever incomplete at a time with others.
    private FragmentedDatagram Find(in FragmentKey key)
    {
        long now = clock.NowNs;
        int place = -1;
        for (int i = 0; i < DatagramsMax; i++)
        {
            if (_datagrams[i] is not { Count: > 0 } datagram)
            {
                place = place < 0 || _datagrams[place] is { Count: > 0 } ? i : place;
                continue;
            }

            if (now - datagram.BegunNs >= LifeNs)
            {
                Drop(datagram);
                place = place < 0 || _datagrams[place] is { Count: > 0 } ? i : place;
            }
            else if (datagram.Key == key)
            {
                return datagram;
            }
            else if (place < 0 || (_datagrams[place] is { Count: > 0 } oldest && datagram.BegunNs < oldest.BegunNs))
            {
                place = i;
            }
        }

        FragmentedDatagram taken = _datagrams[place] ??= new FragmentedDatagram();
        Drop(taken);
        taken.Begin(key, now);
        return taken;
    }

    private void Drop(FragmentedDatagram datagram)
    {
        _counters.Drop(DropReason.Quota, datagram.Count);
        datagram.End();
    }
}
