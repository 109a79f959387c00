using System.Collections.Concurrent;
using System.Diagnostics;
using VhostNet.Aio;

namespace VhostNet.InProcess;

/// <summary>
/// Guests joined by a network. One thread plays the guests and the back end by turns, and only the back end's turns are timed: the queues' own thread, which does it in
/// one callback that lasts, so that it neither polls meanwhile nor between two samples.
/// </summary>
internal abstract class Rig : Sampler
{
    private const int TurnsMax = 100_000;
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "bench", Policy = PollPolicy.Busy });
    private readonly List<BenchGuest> _guests = [];
    private readonly BlockingCollection<Action> _work = [];
    private bool _serves;

    protected Rig() => _thread.Start();

    /// <summary>The guests in the order in which they were added.</summary>
    protected IReadOnlyList<BenchGuest> Guests => _guests;

    /// <inheritdoc/>
    public override double Sample()
    {
        if (!_serves)
        {
            _serves = true;
            _thread.Context.ScheduleOneShot(Serve, "samples");
        }

        var result = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                result.SetResult(SampleHere());
            }
            catch (InvalidOperationException e)
            {
                result.SetException(e);
            }
        });
        return result.Task.GetAwaiter().GetResult();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _work.CompleteAdding();
        foreach (BenchGuest guest in _guests)
        {
            guest.Dispose();
        }

        _thread.Dispose();
        _work.Dispose();
    }

    private void Serve()
    {
        foreach (Action work in _work.GetConsumingEnumerable())
        {
            work();
        }
    }

    private double SampleHere()
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
