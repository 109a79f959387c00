using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// What one descriptor's queue does about failed calls: they are counted; what may happen once is gone over, with growing pauses when it happens again and
/// again, so that a storm of errors does not keep the thread busy; what is gone ends the port. Home thread of its context, but for <see cref="CountSend"/>.
/// </summary>
internal sealed class QueueErrors : IDisposable
{
    /// <summary>So many failed reads in a row are followed by the next at once.</summary>
    internal const int FreeInARow = 16;

    /// <summary>The first pause after those, in nanoseconds; doubled each time.</summary>
    internal const long PauseMinNs = 1_000_000;

    /// <summary>The longest pause.</summary>
    internal const long PauseMaxNs = 1_000_000_000;

    private readonly Port _port;
    private readonly AioContext _context;
    private readonly CallKind _receive;
    private readonly CallKind _send;
    private readonly BottomHalf _resume;
    private readonly BottomHalf _report;
    private AioTimer? _pause;
    private int _inARow;
    private int _sendError;

    /// <summary>Begins without an error.</summary>
    /// <param name="port">The port that the queue belongs to.</param>
    /// <param name="context">Where the queue reads.</param>
    /// <param name="receive">What its reads are.</param>
    /// <param name="send">What its writes are.</param>
    /// <param name="resume">Reads again; scheduled after a pause.</param>
    public QueueErrors(Port port, AioContext context, CallKind receive, CallKind send, BottomHalf resume)
    {
        _port = port;
        _context = context;
        _receive = receive;
        _send = send;
        _resume = resume;
        _report = context.CreateBottomHalf(Report, $"{port.Name}.errors");
    }

    /// <summary>The pause after so many that were in vain: the first, doubled for each.</summary>
    internal static long PauseNs(int before) => Math.Min(PauseMinNs << Math.Min(before, 10), PauseMaxNs);

    /// <summary>A read did not fail.</summary>
    public void ReadSucceeded() => _inARow = 0;

    /// <summary>A read failed.</summary>
    /// <returns>Whether the descriptor is watched on; if not, it is read again after a pause, or is gone.</returns>
    public bool ReadFailed(Errno why)
    {
        if (why.ClassOf(_receive) == ErrnoClass.Retry)
        {
            return true;
        }

        _port.CallFailed(_receive, why);
        if (why.ClassOf(_receive) == ErrnoClass.Gone)
        {
            _port.CallGone(_receive, why);
            return false;
        }

        if (++_inARow <= FreeInARow)
        {
            return true;
        }

        _pause ??= _context.CreateTimer(_port.RevivalClock, _resume.Schedule);
        _pause.Modify(_port.RevivalClock.NowNs + PauseNs(_inARow - FreeInARow - 1));
        return false;
    }

    /// <summary>A write failed. Any data thread; what is to be said is said by the queue's own.</summary>
    public void CountSend(Errno why)
    {
        if (why.ClassOf(_send) == ErrnoClass.Retry)
        {
            return;
        }

        _port.CountError(_send, why);
        if (why.Value == ENOBUFS)
        {
            // The interface's queue is full, as it may be at any time: the drop is counted, nobody needs to be told.
            return;
        }

        Volatile.Write(ref _sendError, why.Value);
        _report.Schedule();
    }

    /// <summary>What failed is gone, and another file is in its place.</summary>
    public void Forget()
    {
        _inARow = 0;
        Volatile.Write(ref _sendError, 0);
    }

    /// <summary>Says nothing more.</summary>
    public void Dispose()
    {
        _report.Delete();
        _pause?.Delete();
    }

    private void Report()
    {
        var why = new Errno(Interlocked.Exchange(ref _sendError, 0));
        _port.SayError(_send, why);
        if (why.ClassOf(_send) == ErrnoClass.Gone)
        {
            _port.CallGone(_send, why);
        }
    }
}
