namespace VhostNet.Aio;

/// <summary>
/// An event loop after QEMU's AioContext: bottom halves, descriptor handlers and timers, all of whose callbacks run on one thread, the home thread.
/// </summary>
/// <remarks>
/// The thread that makes a context is its home thread until another one calls <see cref="BindToCurrentThread"/>. <see cref="Poll"/> belongs to the home thread; whatever else is
/// not marked otherwise may be called by any thread. Callbacks may do everything, <see cref="Poll"/> at any depth included. A callback's exception leaves through
/// <see cref="Poll"/>; the callbacks that had not run yet run in the next one.
/// </remarks>
public sealed partial class AioContext : IDisposable
{
    [ThreadStatic]
    private static AioContext? s_current;

    private readonly Lock? _pollLock;
    private int _homeThreadId;
    private volatile bool _disposed;

    /// <summary>Makes a context.</summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public AioContext(AioContextOptions? options = null)
    {
        options ??= new AioContextOptions();
        Name = options.Name;
        _pollLock = options.PollLock;
        _homeThreadId = Environment.CurrentManagedThreadId;
        SynchronizationContext = new AioSynchronizationContext(this);
        _notifier = new EventNotifier();
        _monitor = new EpollFdMonitor(this);
        SetFdHandler(_notifier.Fd, () => { }, null, () => Volatile.Read(ref _state.Notified) != 0, () => { });
        _notifierHandler = _handlersByFd[_notifier.Fd];
    }

    /// <summary>The context that the calling thread is polling, or is bound to; null elsewhere.</summary>
    public static AioContext? Current => s_current;

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>The calling thread is the one that runs the callbacks.</summary>
    public bool IsHomeThread => Environment.CurrentManagedThreadId == Volatile.Read(ref _homeThreadId);

    /// <summary>Makes the calling thread the home thread and this context its <see cref="Current"/> one. Not while another thread polls.</summary>
    public void BindToCurrentThread()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Volatile.Write(ref _homeThreadId, Environment.CurrentManagedThreadId);
        s_current = this;
    }

    /// <summary>
    /// Ends the context: handlers are removed (those in poll mode get their end callback), timers are deleted, bottom halves that have not run never will.
    /// Called on the home thread, or when no thread polls any more. Afterwards <see cref="Notify"/> and schedules do nothing; everything else throws <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        DisposeTimers();
        DisposeHandlers();
        DropBottomHalves();
        _monitor.Dispose();
        _notifier.Dispose();
        if (s_current == this)
        {
            s_current = null;
        }
    }
}
