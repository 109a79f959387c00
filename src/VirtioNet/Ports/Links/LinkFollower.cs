using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Links;

/// <summary>
/// Keeps a port's state true to its interface: after each change, and when a call found the interface gone, the port looks and mends what it can; what fails is
/// tried again with growing pauses. Watcher's thread, but for <see cref="LookSoon"/>.
/// </summary>
internal sealed class LinkFollower : ILinkUser, IDisposable
{
    private const long PauseMinNs = 100_000_000;
    private const long PauseMaxNs = 10_000_000_000;

    private readonly Port _port;
    private readonly LinkWatcher _watcher;
    private readonly AioContext _context;
    private readonly Func<Link, bool> _concerns;
    private readonly Func<string?> _look;
    private readonly AioTimer _again;
    private long _pauseNs = PauseMinNs;
    private bool _disposed;

    /// <summary>Begins to follow.</summary>
    /// <param name="port">The port.</param>
    /// <param name="watcher">Knows the interfaces.</param>
    /// <param name="context">The watcher's.</param>
    /// <param name="concerns">Which interfaces matter.</param>
    /// <param name="look">Mends what can be mended; returns why the port is down, or null. A <see cref="PortException"/> says so too, and has it tried
    /// again.</param>
    public LinkFollower(Port port, LinkWatcher watcher, AioContext context, Func<Link, bool> concerns, Func<string?> look)
    {
        _port = port;
        _watcher = watcher;
        _context = context;
        _concerns = concerns;
        _look = look;
        using FaultScope scope = FaultScope.Enter(port);
        _again = context.CreateTimer(port.RevivalClock, Look);
        watcher.Add(this);
    }

    /// <inheritdoc/>
    public bool Concerns(in Link link) => _concerns(link);

    /// <inheritdoc/>
    public void Look()
    {
        if (_disposed || !_watcher.IsComplete)
        {
            return;
        }

        try
        {
            _port.SetDown(_look());
            _again.Delete();
            _pauseNs = PauseMinNs;
        }
        catch (PortException e)
        {
            _port.SetDown(e.Message);
            _again.Modify(_port.RevivalClock.NowNs + _pauseNs);
            _pauseNs = Math.Min(_pauseNs * 2, PauseMaxNs);
        }
    }

    /// <summary>Has the port look soon. Any thread.</summary>
    public void LookSoon()
    {
        using FaultScope scope = FaultScope.Enter(_port);
        _context.ScheduleOneShot(Look, "look at links");
    }

    /// <inheritdoc/>
    public void Fault(string callback, Exception exception) => _port.Fault(callback, exception);

    /// <summary>Follows no more.</summary>
    public void Dispose()
    {
        _disposed = true;
        _watcher.Remove(this);
        _again.Delete();
    }
}
