using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// Captures of ports while they run. Each file is written by a thread of its own, because a disk may block and neither guests nor sockets may wait for it.
/// Control thread.
/// </summary>
internal sealed class Captures(AioContext control) : IDisposable
{
    private readonly List<PortCapture> _captures = [];
    private readonly List<Task> _forgotten = [];

    /// <summary>Completes when the files of all captures that have ended are closed.</summary>
    public Task Completion => Task.WhenAll([.. _forgotten, .. _captures.Where(c => c.Ended is not null).Select(c => c.Completion)]);

    /// <summary>The capture of a port, running or ended, that was begun last; null when there was none.</summary>
    public PortCapture? Find(Port port) => _captures.Find(c => ReferenceEquals(c.Port, port));

    /// <summary>Begins a capture; a capture of the port that has ended is forgotten.</summary>
    /// <param name="port">The port.</param>
    /// <param name="options">What to record.</param>
    /// <param name="file">Where to; taken over.</param>
    public PortCapture Start(Port port, CaptureOptions options, PcapFile file)
    {
        var capture = new PortCapture(port, options, file, control, AioClock.Monotonic);
        Forget(port);
        _captures.Add(capture);
        return capture;
    }

    /// <summary>Ends the capture of a port that is removed, and forgets it.</summary>
    public void Forget(Port port)
    {
        if (Find(port) is { } capture)
        {
            capture.Stop();
            _forgotten.RemoveAll(t => t.IsCompleted);
            _forgotten.Add(capture.Completion);
            _captures.Remove(capture);
        }
    }

    /// <summary>Ends all captures. Their files are closed by their own threads, see <see cref="Completion"/>.</summary>
    public void Dispose()
    {
        while (_captures.Count > 0)
        {
            Forget(_captures[^1].Port);
        }
    }
}
