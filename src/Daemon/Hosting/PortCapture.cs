using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Hosting;

/// <summary>One capture of a port. Control thread.</summary>
internal sealed class PortCapture : IDisposable, IFaultOwner
{
    private const long LookNs = 50_000_000;

    private readonly CaptureOptions _options;
    private readonly PcapFile _file;
    private readonly AioClock _clock;
    private readonly AioTimer _timer;
    private readonly long _startedNs;

    /// <summary>Begins to record.</summary>
    /// <param name="port">The port.</param>
    /// <param name="options">What to record.</param>
    /// <param name="file">The file; taken over.</param>
    /// <param name="control">The control thread's loop.</param>
    /// <param name="clock">What seconds are measured by.</param>
    public PortCapture(Port port, CaptureOptions options, PcapFile file, AioContext control, AioClock clock)
    {
        Port = port;
        _options = options;
        _clock = clock;
        _file = file;
        _startedNs = clock.NowNs;
        using (FaultScope.Enter(this))
        {
            _timer = control.CreateTimer(clock, Look);
        }

        _timer.Modify(_startedNs + LookNs);
        port.Capture = _file;
    }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>Whether it still records, or writes what it has recorded.</summary>
    public bool IsRunning => Ended is null || !Completion.IsCompleted;

    /// <summary>Completes when everything is written, or given up, and the file is closed.</summary>
    public Task Completion => _file.Completion;

    /// <summary>The file.</summary>
    public string File => _options.File;

    /// <summary>Frames recorded.</summary>
    public long Frames => _file.Recorded;

    /// <summary>Frames that came while the capture ran and were not recorded.</summary>
    public long Dropped => _file.Dropped;

    /// <summary>Bytes written.</summary>
    public long Bytes => _file.Size;

    /// <summary>Why it ended: asked for, a limit, a failure; null while it runs.</summary>
    public string? Ended { get; private set; }

    /// <summary>Ends the capture; its file is closed by the thread that writes it.</summary>
    public void Stop() => End("asked for");

    /// <summary>Ends the capture for a reason of the caller's.</summary>
    public void Stop(string reason) => End(reason);

    /// <inheritdoc/>
    public void Dispose() => Stop();

    /// <summary>What goes wrong here ends the capture, and the port does not notice.</summary>
    public void Fault(string callback, Exception exception) => End(PortFaults.Describe(callback, exception));

    /// <inheritdoc/>
    public override string ToString() => $"capture of port {Port.Name}";

    private void Look()
    {
        if (_options.Frames > 0 && _file.Recorded >= _options.Frames)
        {
            End("frame limit");
        }
        else if (_options.Seconds > 0 && _clock.NowNs - _startedNs >= _options.Seconds * 1_000_000_000L)
        {
            End("time limit");
        }
        else if (_file.Failure is { } failure)
        {
            End(_options.Bytes > 0 && failure.Contains("limit", StringComparison.Ordinal) ? "size limit" : failure);
        }
        else
        {
            _timer.Modify(_clock.NowNs + LookNs);
        }
    }

    private void End(string reason)
    {
        if (Ended is null)
        {
            Ended = reason;
            _timer.Delete();
            Port.Capture = null;
            _file.Close();
        }
    }
}
