using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;

namespace VhostNet.VirtioNet.Networks;

/// <content>An exception in one of the port's callbacks ends the port's work for a while, and nothing else.</content>
public abstract partial class Port : IFaultOwner
{
    /// <summary>The first pause before a port that went down is tried again, in nanoseconds; doubled each time.</summary>
    internal const long RevivalMinNs = 1_000_000_000;

    /// <summary>The longest such pause; a port that worked as long begins again with the shortest.</summary>
    internal const long RevivalMaxNs = 60_000_000_000;

    private const long NoticePauseNs = 60_000_000_000;

    private string? _faultReason;
    private long _faults;
    private long _revivalPauseNs = RevivalMinNs;
    private long _revivedNs;
    private AioTimer? _revival;
    private bool _isDisposed;

    /// <summary>Why the port is down, null while it works: a callback threw. It is tried again after a pause. Any thread.</summary>
    public string? FaultReason => Volatile.Read(ref _faultReason);

    /// <summary>True while the port is down because a callback threw. Any thread.</summary>
    public bool IsFaulted => FaultReason is not null;

    /// <summary>How often a callback threw. Any thread.</summary>
    public long Faults => Interlocked.Read(ref _faults);

    /// <summary>
    /// Where the network is told that the port went down or came back: the control thread's context. Null: on the port's own thread. Set once, before <see
    /// cref="Start"/>.
    /// </summary>
    public AioContext? ControlContext { get; set; }

    /// <summary>What pauses before a revival are measured by.</summary>
    internal AioClock RevivalClock { get; set; } = AioClock.Monotonic;

    /// <summary>Raised on the port's thread after it went down, with a sentence for the log and what was thrown.</summary>
    public event Action<Port, string, Exception?>? Faulted;

    /// <summary>Raised on the port's thread with a sentence for the log; each kind of sentence once a minute at most.</summary>
    public event Action<Port, string>? Noticed;

    /// <inheritdoc/>
    public void Fault(string callback, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        Interlocked.Increment(ref _faults);
        string reason = $"{callback}: {exception.GetType().Name}: {exception.Message}";
        if (Interlocked.CompareExchange(ref _faultReason, reason, null) is not null || _isDisposed)
        {
            return;
        }

        using FaultScope scope = FaultScope.Enter(this);
        string remedy = "it stays down until it is made anew";
        try
        {
            TakeDown();
            TellNetwork();
            remedy = ReviveLater();
        }
        catch (Exception second)
        {
            // Whatever is left in the loop finds the port faulted and does nothing.
            reason += $"; going down failed too: {second.GetType().Name}: {second.Message}";
            Volatile.Write(ref _faultReason, reason);
        }

        Raise(() => Faulted?.Invoke(this, $"port {Name} went down: {reason}; {remedy}", exception));
    }

    /// <summary>
    /// Takes out of the loops what would call the port again, without waiting for other threads, and lets go of senders that wait. On the thread of the
    /// callback that threw. Callbacks that come all the same return at once when <see cref="IsFaulted"/>.
    /// </summary>
    protected virtual void TakeDown()
    {
    }

    /// <summary>Begins anew after a pause; on the same thread. An exception takes the port down again.</summary>
    protected virtual void Revive() => Start();

    /// <summary>Has a sentence written to the log, unless the same kind of sentence was within the last minute.</summary>
    /// <param name="sentence">What happened, and what would help.</param>
    /// <param name="lastNs">When it was said last; 0 for never.</param>
    protected void Notice(string sentence, ref long lastNs)
    {
        long now = AioClock.Monotonic.NowNs;
        if (lastNs == 0 || now - lastNs >= NoticePauseNs)
        {
            lastNs = now;
            Raise(() => Noticed?.Invoke(this, sentence));
        }
    }

    /// <summary>Has the network told, on the control thread, that the port went down or came back.</summary>
    protected void TellNetwork() => (ControlContext ?? AioContext.Current)?.ScheduleOneShot(() => Network?.PortChanged(this), "changed");

    private static void Raise(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            // A listener's fault is not the port's, and nobody is left to be told.
            System.Diagnostics.Debug.WriteLine(e);
        }
    }

    private string ReviveLater()
    {
        if (AioContext.Current is not { } context)
        {
            return "it stays down until it is made anew";
        }

        long now = RevivalClock.NowNs;
        _revivalPauseNs = _revivedNs != 0 && now - _revivedNs < RevivalMaxNs ? Math.Min(_revivalPauseNs * 2, RevivalMaxNs) : RevivalMinNs;
        _revival?.Delete();
        _revival = context.CreateTimer(RevivalClock, ReviveNow);
        _revival.Modify(now + _revivalPauseNs);
        return $"it is tried again in {_revivalPauseNs / 1_000_000_000} s";
    }

    private void ReviveNow()
    {
        if (_isDisposed)
        {
            return;
        }

        _revivedNs = RevivalClock.NowNs;
        Volatile.Write(ref _faultReason, null);
        try
        {
            Revive();
            TellNetwork();
        }
        catch (Exception e)
        {
            Fault("revival", e);
        }
    }
}
