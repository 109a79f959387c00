using Microsoft.Extensions.Logging;
using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// Answers for a guest's port and its endpoint: an exception in a callback of theirs ends the present session, is logged and counted, and nobody else notices;
/// the endpoint waits for the next front end.
/// </summary>
/// <param name="port">The port's name.</param>
/// <param name="control">The control thread's loop, to which sessions belong.</param>
/// <param name="logger">Where it is reported.</param>
internal sealed class PortFaults(string port, AioContext control, ILogger logger) : IFaultOwner
{
    /// <summary>Failures without a front end that got as far as a session, after which the endpoint is closed.</summary>
    internal const int InARowMax = 16;

    private const long LogNs = 1_000_000_000;
    private Port? _port;
    private VhostUserEndpoint? _endpoint;
    private string? _reason;
    private long _count;
    private long _loggedNs = -LogNs;
    private int _inARow;

    /// <summary>How often a callback of the port or of its sessions threw. Any thread.</summary>
    public long Count => Interlocked.Read(ref _count) + (_port?.Faults ?? 0);

    /// <summary>
    /// Why the port is down (it failed, or its outside is not there), or why the last session was ended, until the next begins; null when nothing went wrong.
    /// Any thread.
    /// </summary>
    public string? Reason => _port?.FaultReason ?? _port?.DownReason ?? Volatile.Read(ref _reason);

    /// <summary>Reports what the port says of itself. Control thread, before the port starts.</summary>
    public void Watch(Port watched)
    {
        _port = watched;
        watched.ControlContext = control;
        watched.Noticed += (_, sentence) => logger.PortNoticed(sentence);
        watched.OutsideChanged += (_, sentence, isBack) => logger.OutsideChanged(isBack ? LogLevel.Information : LogLevel.Warning, sentence);
        watched.Faulted += (_, sentence, exception) =>
        {
            logger.PortFaulted(sentence);
            logger.FaultTrace(exception, port);
            if (_endpoint is not null)
            {
                control.ScheduleOneShot(End, $"end of {port}'s session");
            }
        };
    }

    /// <summary>Says whose session is to be ended. Control thread.</summary>
    public void Watch(VhostUserEndpoint endpoint)
    {
        _endpoint = endpoint;
        endpoint.SessionStarted += _ =>
        {
            Volatile.Write(ref _reason, null);
            _inARow = 0;
        };
    }

    /// <summary>A failure as the middle of a sentence.</summary>
    public static string Describe(string callback, Exception exception) =>
        $"{callback} failed with {exception.GetType().Name}: {StartupFailures.Sentence(exception.Message)}";

    /// <inheritdoc/>
    public void Fault(string callback, Exception exception)
    {
        long count = Interlocked.Increment(ref _count);
        string reason = Describe(callback, exception);
        Volatile.Write(ref _reason, reason);
        long now = AioClock.Monotonic.NowNs;
        if (now - Interlocked.Read(ref _loggedNs) >= LogNs)
        {
            // A front end may come back and do it again, as often as it likes.
            Interlocked.Exchange(ref _loggedNs, now);
            logger.SessionFaulted(port, reason, count);
        }

        logger.FaultTrace(exception, port);
        if (control.IsHomeThread)
        {
            End();
        }
        else
        {
            control.ScheduleOneShot(End, $"end of {port}'s session");
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"port {port}";

    // What goes on throwing although no session is left, or can't even be ended, would keep the loop busy for ever: then the endpoint goes, which closes its
    // socket.
    private void End()
    {
        if (!TryDispose(_endpoint?.CurrentSession) || ++_inARow > InARowMax)
        {
            TryDispose(_endpoint);
        }
    }

    private bool TryDispose(IDisposable? what)
    {
        try
        {
            what?.Dispose();
            return true;
        }
#pragma warning disable CA1031 // An exception out of here would be nobody's, and end the process.
        catch (Exception e)
        {
            logger.EndFailed(e, port);
            return false;
        }
#pragma warning restore CA1031
    }
}
