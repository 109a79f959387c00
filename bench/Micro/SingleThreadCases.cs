using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;

namespace VhostNet.Micro;

/// <summary>The operations that one thread does with its own context. Each is a batch: run it the given number of times.</summary>
internal sealed class SingleThreadCases : IDisposable
{
    private readonly AioContext _context = new();
    private readonly EventNotifier _notifier = new();
    private readonly AioTimer _timer;
    private readonly BottomHalf _bottomHalf;
    private readonly Action _count;
    private long _calls;

    public SingleThreadCases()
    {
        _count = () => _calls++;
        _bottomHalf = _context.CreateBottomHalf(_count, "bench");
        _timer = _context.CreateTimer(AioClock.Monotonic, _count);
    }

    /// <summary>Callbacks so far; keeps the callback from being nothing.</summary>
    public long Calls => _calls;

    public void SchedulePoll(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _bottomHalf.Schedule();
            _context.Poll(false);
        }
    }

    public void ScheduleBlockingPoll(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _bottomHalf.Schedule();
            _context.Poll(true);
        }
    }

    public void EmptyPoll(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _context.Poll(false);
        }
    }

    public void ScheduleScheduled(int n)
    {
        _bottomHalf.Schedule();
        for (int i = 0; i < n; i++)
        {
            _bottomHalf.Schedule();
        }

        _context.Poll(false);
    }

    public void Notify(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _context.Notify();
        }
    }

    public void OneShot(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _context.ScheduleOneShot(_count);
            _context.Poll(false);
        }
    }

    public void ScheduleCancelPoll(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _bottomHalf.Schedule();
            _bottomHalf.Cancel();
            _context.Poll(false);
        }
    }

    public void EventfdPoll(int n)
    {
        _context.SetEventNotifier(_notifier, OnNotifier);
        for (int i = 0; i < n; i++)
        {
            _notifier.Set();
            _context.Poll(true);
        }

        _context.SetEventNotifier(_notifier, null);
        _context.Poll(false);
    }

    public void ExpiredTimer(int n)
    {
        for (int i = 0; i < n; i++)
        {
            _timer.Modify(0);
            _context.Poll(false);
        }
    }

    public void Dispose()
    {
        _context.Dispose();
        _notifier.Dispose();
    }

    private void OnNotifier()
    {
        _notifier.TestAndClear();
        _calls++;
    }
}
