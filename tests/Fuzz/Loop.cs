using VhostNet.Aio;
using VhostNet.Aio.Monitors;

namespace VhostNet.Fuzz;

/// <summary>
/// One thread for everything: cases run on it as a callback of its loop, and run the loop themselves when something is to happen. So no case waits for another thread, and a seed
/// repeats exactly.
/// </summary>
internal sealed class Loop : IDisposable
{
    private const int PassesMax = 1_000_000;

    /// <summary>While handlers are looked at in user space, the kernel is asked at every 64th poll only.</summary>
    private const int PollsForOneLook = 66;

    private readonly int _pollsForOneLook;

    /// <param name="looksInUserSpace">Handlers are there that can be looked at in user space, as those of network ports; then only some of the polls ask the kernel.</param>
    public Loop(bool looksInUserSpace = true)
    {
        _pollsForOneLook = looksInUserSpace ? PollsForOneLook : 1;
        Thread = new IoThread(new IoThreadOptions
        {
            Name = "fuzz",
            Policy = PollPolicy.Interrupt,

            // Not the automatic choice, whose change from poll to epoll would look like a lost descriptor.
            Context = new AioContextOptions { Name = "fuzz", FdMonitor = FdMonitorKind.Epoll },
        });
        Thread.Start();
    }

    public IoThread Thread { get; }

    /// <summary>Calls an action on the thread.</summary>
    public void Run(Action action) => Thread.Run(action);

    /// <summary>One pass; false when there was nothing to do.</summary>
    /// <exception cref="FuzzException">An exception escaped from a callback.</exception>
    public bool Step()
    {
        try
        {
            for (int i = 0; i < _pollsForOneLook; i++)
            {
                if (Thread.Context.Poll(false))
                {
                    return true;
                }
            }

            return false;
        }
        catch (Exception e) when (e is not FuzzException)
        {
            throw new FuzzException($"an exception escaped: {e}");
        }
    }

    /// <summary>Passes until there is nothing to do.</summary>
    /// <exception cref="FuzzException">That does not come.</exception>
    public void Settle()
    {
        for (int i = 0; Step(); i++)
        {
            if (i == PassesMax)
            {
                throw new FuzzException("the loop does not come to rest");
            }
        }
    }

    /// <summary>Something may wait for its time, as a timer or an idle bottom half does: lets a little of it pass. False when all of it is over.</summary>
    public bool WaitForTime(long deadline)
    {
        _ = poll([], 1);
        Waits++;
        return Environment.TickCount64 < deadline;
    }

    /// <summary>How often somebody had to wait.</summary>
    public long Waits { get; private set; }

    public void Dispose() => Thread.Dispose();
}
