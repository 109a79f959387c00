using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Fuzz.Frames;

/// <summary>The guests of a case and their network: an attacker and one innocent receiver on a wire, or two on a switch.</summary>
internal sealed class FrameScene : IDisposable
{
    private readonly TimeSpan _patience;
    private readonly Loop? _loop;
    private readonly List<Port> _joined = [];

    public FrameScene(Random random, IReadOnlyList<IoThread> threads, FrameMemories memories, FrameFaults faults, TimeSpan patience, Loop? loop)
    {
        _loop = loop;
        _patience = patience;
        bool wire = random.OneIn(3);
        Network = new FrameNetwork(random, wire);
        Attacker = new FrameGuest(random, "attacker", threads[0], FrameGuestSpec.Attacker(random, wire), memories, faults);
        Innocents = [.. Enumerable.Range(1, wire ? 1 : 2)
            .Select(i => new FrameGuest(random, $"innocent {i}", threads[i % threads.Count], FrameGuestSpec.Receiver(random, wire), memories, faults))];
        Network.JoinAttacker(Attacker.Port);
        Tags = [.. Innocents.Select(g => Network.JoinInnocent(Join(g, faults)))];
        Guests = [Attacker, .. Innocents];
        foreach (FrameGuest guest in Guests)
        {
            guest.Start();
        }
    }

    public FrameNetwork Network { get; }

    public FrameGuest Attacker { get; }

    public FrameGuest[] Innocents { get; }

    /// <summary>Everybody.</summary>
    public FrameGuest[] Guests { get; }

    /// <summary>By innocent: the tags of its good frames.</summary>
    public (ushort Type, ushort Tci)[][] Tags { get; }

    /// <summary>Good frames by number.</summary>
    public FrameRegister Register { get; } = new();

    /// <summary>The port that joins the network for a guest.</summary>
    public Port JoinedPort(FrameGuest guest) => guest == Attacker ? guest.Port : _joined[Array.IndexOf(Innocents, guest)];

    /// <summary>Serves all rings until every frame that was offered came back, and what arrived meanwhile was looked at.</summary>
    public void Settle()
    {
        long deadline = Environment.TickCount64 + (long)_patience.TotalMilliseconds;
        do
        {
            _loop?.Settle();

            // What came back first was delivered before, so the look that follows finds it.
            bool all = Guests.All(g => g.Sender.Outstanding == 0);
            bool any = false;
            foreach (FrameGuest guest in Guests)
            {
                any |= guest.Sender.Collect();
                any |= Look(guest);
            }

            if (all && !any)
            {
                return;
            }

            if (!any && !(_loop is null ? WaitForAny(deadline) : EnableCalls() || _loop.WaitForTime(deadline)))
            {
                throw new FuzzException($"frames do not come back: {string.Join(", ", Guests.Select(g => $"{g.Name} waits for {g.Sender.Outstanding}"))}");
            }
        }
        while (true);
    }

    public void Dispose()
    {
        foreach (FrameGuest guest in Guests)
        {
            guest.Stop();
        }

        Network.Dispose();
        foreach (Port port in _joined)
        {
            port.Dispose();
        }

        foreach (FrameGuest guest in Guests)
        {
            guest.Dispose();
        }
    }

    private Port Join(FrameGuest guest, FrameFaults faults)
    {
        Port port = faults.Joined(guest);
        _joined.Add(port);
        return port;
    }

    private bool Look(FrameGuest guest)
    {
        List<ReceivedFrame> frames = guest.Receiver.Collect();
        foreach (ReceivedFrame frame in frames)
        {
            if (Register.Find(frame.Bytes, out int network) is { } sent)
            {
                new ArrivalCheck(guest.Name, sent, frame, network).Check();
            }
        }

        return frames.Count > 0;
    }

    /// <summary>Asks for interrupts; true when something came meanwhile.</summary>
    private bool EnableCalls()
    {
        bool quiet = true;
        foreach (FrameGuest guest in Guests)
        {
            quiet &= guest.Rx.EnableCalls();
            quiet &= guest.Tx.EnableCalls();
        }

        return !quiet;
    }

    /// <summary>Waits for an interrupt of any ring; false when the time is over.</summary>
    private bool WaitForAny(long deadline)
    {
        if (EnableCalls())
        {
            return true;
        }

        DriverQueue[] queues = [.. Guests.SelectMany(g => new[] { g.Rx, g.Tx })];

        pollfd[] calls = [.. queues.Select(q => new pollfd { fd = q.Call.Value, events = POLLIN })];
        long left = deadline - Environment.TickCount64;
        if (left <= 0 || poll(calls, (int)left) <= 0)
        {
            return false;
        }

        for (int i = 0; i < calls.Length; i++)
        {
            if (calls[i].revents != 0)
            {
                _ = queues[i].WaitForCall(TimeSpan.Zero);
            }
        }

        return true;
    }
}
