using VhostNet.Aio;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// Captures of ports while they run. Files are written by a thread of their own, because a disk may block and neither guests nor sockets may wait for it. Control
/// thread.
/// </summary>
internal sealed class Captures(AioContext control) : IDisposable
{
    private readonly List<PortCapture> _captures = [];
    private IoThread? _writer;

    /// <summary>The capture of a port, running or ended, that was begun last; null when there was none.</summary>
    public PortCapture? Find(Port port) => _captures.Find(c => ReferenceEquals(c.Port, port));

    /// <summary>Begins a capture; a capture of the port that has ended is forgotten.</summary>
    /// <exception cref="PortException">The file can't be written.</exception>
    public PortCapture Start(Port port, CaptureOptions options)
    {
        if (_writer is null)
        {
            _writer = new IoThread(new IoThreadOptions { Name = "capture", Policy = PollPolicy.Interrupt });
            _writer.Start();
        }

        var capture = new PortCapture(port, options, _writer.Context, control, AioClock.Monotonic);
        Forget(port);
        _captures.Add(capture);
        return capture;
    }

    /// <summary>Ends the capture of a port that is removed, and forgets it.</summary>
    public void Forget(Port port)
    {
        Find(port)?.Stop();
        _captures.RemoveAll(c => ReferenceEquals(c.Port, port));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PortCapture capture in _captures)
        {
            capture.Stop();
        }

        _captures.Clear();
        _writer?.Dispose();
        _writer = null;
    }
}
