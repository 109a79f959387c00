using System.Diagnostics;
using VhostNet.Aio;

namespace VhostNet.InProcess;

/// <summary>Guests joined by a network. One thread plays the guests and the back end by turns, and only the back end's turns are timed.</summary>
internal abstract class Rig : Sampler
{
    private const int TurnsMax = 100_000;
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "bench", Policy = PollPolicy.Busy });
    private readonly List<BenchGuest> _guests = [];

    /// <summary>The guests in the order in which they were added.</summary>
    protected IReadOnlyList<BenchGuest> Guests => _guests;

    /// <inheritdoc/>
    public override double Sample()
    {
        long ticks = 0;
        long units = 0;
        long enough = SampleNs * Stopwatch.Frequency / 1_000_000_000;
        do
        {
            units += Turn(ref ticks);
        }
        while (ticks < enough);

        return ticks * 1e9 / Stopwatch.Frequency / units;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // Queues are taken from their thread, which therefore has to run now.
        _thread.Start();
        foreach (BenchGuest guest in _guests)
        {
            guest.Dispose();
        }

        _thread.Dispose();
    }

    protected BenchGuest Add(string name, GuestShape shape)
    {
        var guest = new BenchGuest(name, _thread, shape);
        _guests.Add(guest);
        return guest;
    }

    /// <summary>Offers frames; returns the units of work that they make.</summary>
    protected abstract int Offer();

    /// <summary>The units that have arrived since the rig was made.</summary>
    protected abstract long Arrived { get; }

    /// <summary>The back end's turn: what is timed.</summary>
    protected abstract void RunBackend();

    /// <summary>The guests' turn: they collect and refill.</summary>
    protected abstract void Collect();

    private int Turn(ref long ticks)
    {
        int offered = Offer();
        long target = Arrived + offered;
        for (int i = 0; Arrived != target; i++)
        {
            if (i == TurnsMax || Arrived > target)
            {
                throw new InvalidOperationException($"{Arrived} frames arrived where {target} were expected");
            }

            if (i > 0)
            {
                Collect();
            }

            long start = Stopwatch.GetTimestamp();
            RunBackend();
            ticks += Stopwatch.GetTimestamp() - start;
        }

        Collect();
        return offered;
    }
}
