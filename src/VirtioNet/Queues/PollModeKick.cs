using VhostNet.Aio;
using VhostNet.Aio.Timers;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Stands in for the kick of a ring whose front end sent no descriptor for it and wants it polled (SET_VRING_KICK with bit 8): a notifier that nobody sets and
/// that carries the ring's poll callback, and a timer where the thread does not poll all the time. Made, used and disposed of on the ring's thread.
/// </summary>
internal sealed class PollModeKick : IDisposable
{
    /// <summary>How often the ring is looked at when its thread does not poll.</summary>
    private const long IntervalNs = 50_000;

    private readonly IoThread _thread;
    private readonly Action _look;
    private readonly AioTimer _timer;

    /// <summary>Starts looking.</summary>
    /// <param name="thread">The ring's thread.</param>
    /// <param name="look">Called on that thread at each interval.</param>
    /// <param name="step">Test-only: called before each step that can fail, with its number.</param>
    /// <exception cref="ErrnoException">No descriptor is left; nothing is left behind.</exception>
    public PollModeKick(IoThread thread, Action look, Action<int>? step = null)
    {
        _thread = thread;
        _look = look;
        step?.Invoke(10);
        Notifier = new EventNotifier();
        try
        {
            step?.Invoke(11);
            _timer = thread.Context.CreateTimer(AioClock.Monotonic, OnTimer);
            step?.Invoke(12);
            OnPolicyChanged();
        }
        catch
        {
            _timer?.Delete();
            Notifier.Dispose();
            throw;
        }

        thread.PolicyChanged += OnPolicyChanged;
    }

    /// <summary>Carries the poll callback.</summary>
    public EventNotifier Notifier { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.PolicyChanged -= OnPolicyChanged;
        _timer.Delete();
        Notifier.Dispose();
    }

    private void OnPolicyChanged()
    {
        if (_thread.Policy == PollPolicy.Busy)
        {
            _timer.Delete();
        }
        else
        {
            _timer.Modify(AioClock.Monotonic.NowNs + IntervalNs);
        }
    }

    private void OnTimer()
    {
        _timer.Modify(AioClock.Monotonic.NowNs + IntervalNs);
        _look();
    }
}
