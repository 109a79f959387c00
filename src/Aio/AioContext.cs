using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <summary>
/// An event loop after QEMU's AioContext: bottom halves, descriptor handlers and timers, all of whose callbacks run on one thread, the home thread.
/// </summary>
/// <remarks>
/// The thread that makes a context is its home thread until another one calls <see cref="BindToCurrentThread"/>. <see cref="Poll"/> belongs to the home thread;
/// whatever else is not marked otherwise may be called by any thread. Callbacks may do everything, <see cref="Poll"/> at any depth included. A callback's
/// exception leaves through
/// <see cref="Poll"/>; the callbacks that had not run yet run in the next one.
/// </remarks>
public sealed partial class AioContext : IDisposable
{
    private const int AttentionHandlers = 1;
    private const int AttentionAlways = 2;

    private const int NoThread = -1;

    private static int s_lastThread;

    // Tells threads apart for ever, unlike their managed ids, which are given again; 0 for one that never polled or made a context.
    [ThreadStatic]
    private static int s_thread;

    [ThreadStatic]
    private static AioContext? s_current;

    private readonly Lock? _pollLock;
    private int _homeThread;
    private volatile bool _disposed;
    private HomeState _home;

    // The polling thread's: who answers for what its callbacks register.
    private FaultFrame _frame = FaultScope.Frame;

    // What a pass has to look after besides its work; 0 in the usual case.
    private volatile int _attention;

    /// <summary>Makes a context.</summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ErrnoException">No descriptor is left, or the kernel lacks the monitor that was asked for.</exception>
    public AioContext(AioContextOptions? options = null)
    {
        options ??= new AioContextOptions();
        Name = options.Name;
        _pollLock = options.PollLock;
        _homeThread = ThreadToken();
        _monitorKind = options.FdMonitor;
        _hasWaitHandles = options.FdMonitor == FdMonitorKind.WaitHandles;
        _attention = _hasWaitHandles ? AttentionAlways : 0;
        SynchronizationContext = new AioSynchronizationContext(this);
        _notifier = _hasWaitHandles ? EventNotifier.CreatePortable() : new EventNotifier();
        try
        {
            _monitor = CreateMonitor(options.FdMonitor);
            _notifierHandler = new AioHandler(_notifier.Key, NoOperation, null, null, null) { IsInternal = true, WaitHandle = _notifier.WaitHandle };
            Replace(_notifier.Key, null, _notifierHandler);
        }
        catch
        {
            _monitor?.Dispose();
            _notifier.Dispose();
            throw;
        }
    }

    /// <summary>The context that the calling thread is polling, or is bound to; null elsewhere.</summary>
    public static AioContext? Current => s_current;

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>The calling thread is the one that may poll; with a poll lock: it holds the lock.</summary>
    public bool IsHomeThread => _pollLock is null ? s_thread != 0 && s_thread == Volatile.Read(ref _homeThread) : _pollLock.IsHeldByCurrentThread;

    /// <summary><see cref="Dispose"/> was called.</summary>
    internal bool IsDisposed => _disposed;

    /// <summary>
    /// Makes the calling thread the home thread and this context its <see cref="Current"/> one. Not while another thread polls; a former home thread that has
    /// polled must not use the context at the same time.
    /// </summary>
    public void BindToCurrentThread()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Volatile.Write(ref _homeThread, ThreadToken());
        OpenCalls();
        Enter();
        _pollThread = _localThread;
    }

    /// <summary>Leaves the context without a home thread, until one calls <see cref="BindToCurrentThread"/>.</summary>
    internal void Unbind()
    {
        Volatile.Write(ref _homeThread, NoThread);
        _pollThread = _localThread = NoThread;
        if (s_current == this)
        {
            s_current = null;
        }
    }

    /// <summary>
    /// Ends the context: handlers are removed (those that are polled get their end callback), timers are deleted, bottom halves that have not run never will.
    /// Called on the home thread, from a callback too, or when no thread polls any more. Afterwards <see cref="Notify"/>, schedules and timers do nothing;
    /// everything else throws <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _pollThread = _localThread = NoThread;
        CloseCalls();
        Interlocked.Or(ref _attention, AttentionAlways);
        DisposeHandlers();
        DisposeTimers();
        DropBottomHalves();
        _monitor.Dispose();
        _retiredMonitor?.Dispose();
        _notifier.Dispose();
        _outerLoop?.Dispose();
        if (s_current == this)
        {
            s_current = null;
        }
    }

    private static int ThreadToken()
    {
        if (s_thread == 0)
        {
            s_thread = Interlocked.Increment(ref s_lastThread);
        }

        return s_thread;
    }

    private static void NoOperation()
    {
    }
}
