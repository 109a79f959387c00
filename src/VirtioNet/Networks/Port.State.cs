using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.VirtioNet.Networks;

/// <content>What the port's system calls say, and whether its outside is there.</content>
public abstract partial class Port
{
    /// <summary>
    /// Lines about the outside's coming and going that the log gets in one minute; the number of those left out comes with the next minute's first.
    /// </summary>
    private const int LinesMax = 10;

    private CallErrors? _errors;
    private long _linesNs;
    private int _lines;
    private string? _downReason;

    /// <summary>
    /// Why nothing can pass although nothing is wrong with the port itself: its interface is gone, its peer is not there. Null while all is well. Any thread.
    /// </summary>
    public string? DownReason => Volatile.Read(ref _downReason);

    /// <summary>True while <see cref="DownReason"/> says something. Any thread.</summary>
    public bool IsDown => DownReason is not null;

    /// <summary>Errors of the port's system calls; null while there were none. Any thread.</summary>
    public CallErrors? Errors => Volatile.Read(ref _errors);

    /// <summary>Raised, on the thread that saw it, with a sentence for the log when the outside came back (true) or went (false).</summary>
    public event Action<Port, string, bool>? OutsideChanged;

    /// <summary>True when frames can neither come nor go. Any thread; what data paths look at.</summary>
    internal bool IsOut => IsFaulted || IsDown;

    /// <summary>A system call failed: counted by name, and said once a minute for each kind of call. Any thread but data threads that forward.</summary>
    internal void CallFailed(CallKind call, Errno why)
    {
        CountError(call, why);
        SayError(call, why);
    }

    /// <summary>Counts an error of a system call. Any thread.</summary>
    internal void CountError(CallKind call, Errno why)
    {
        if (Volatile.Read(ref _errors) is null)
        {
            Interlocked.CompareExchange(ref _errors, new CallErrors(), null);
        }

        _errors!.Count(call, why);
    }

    /// <summary>Has an error written to the log, if none of that call was within the last minute.</summary>
    internal void SayError(CallKind call, Errno why)
    {
        // What is gone is said with the port's state.
        if (why.ClassOf(call) == ErrnoClass.Once)
        {
            Notice(
                $"port {Name}: {call} failed with {why.Name}, {why}; the port goes on, and what else fails in the next minute is only counted (vhostnet.port.errors)",
                ref _errors!.NoticedNs(call));
        }
    }

    /// <summary>
    /// What a call is made on will never work again. On a thread of the port's; the default says that it stays so until the port is made anew.
    /// </summary>
    internal virtual void CallGone(CallKind call, Errno why) => SetDown($"{call} failed with {why.Name}, {why}; remove the port and add it again");

    /// <summary>Says whether the outside is there; the network is told, and the log, when that changed. Any thread.</summary>
    /// <param name="reason">Why it is not, or null.</param>
    protected internal void SetDown(string? reason)
    {
        string? before = Interlocked.Exchange(ref _downReason, reason);
        if ((before is null) == (reason is null) || _isDisposed)
        {
            return;
        }

        TellNetwork();
        int leftOut = CountLine();
        if (!IsFaulted && leftOut >= 0)
        {
            string sentence = (reason is null ? $"port {Name} is up again; what was wrong: {before}" : $"port {Name} is down: {reason}")
                + (leftOut == 0 ? string.Empty : $" ({leftOut} such changes before were not logged)");
            Raise(() => OutsideChanged?.Invoke(this, sentence, reason is null));
        }
    }

    /// <summary>
    /// How many lines were left out before this one; -1 when this one is to be left out too. A peer could have us write as fast as it connects.
    /// </summary>
    private int CountLine()
    {
        long now = AioClock.Monotonic.NowNs;
        int count = Interlocked.Increment(ref _lines);
        if (now - Interlocked.Read(ref _linesNs) >= NoticePauseNs || _linesNs == 0)
        {
            Interlocked.Exchange(ref _linesNs, now);
            Interlocked.Exchange(ref _lines, 1);
            return Math.Max(0, count - 1 - LinesMax);
        }

        return count <= LinesMax ? 0 : -1;
    }
}
