namespace VhostNet.Aio;

/// <summary>A thread that runs one <see cref="AioContext"/>. It ends with <see cref="Stop"/>, or when a callback disposes of the context.</summary>
public sealed class IoThread : IDisposable
{
    private readonly IoThreadOptions _options;
    private readonly Thread _thread;
    private readonly Func<bool> _isStopped;
    private volatile bool _stop;
    private volatile PollPolicy _policy;
    private bool _started;

    /// <summary>Makes one; <see cref="Start"/> starts it. Handlers can be set before.</summary>
    public IoThread(IoThreadOptions? options = null)
    {
        _options = options ?? new IoThreadOptions();
        Context = new AioContext(_options.Context ?? new AioContextOptions { Name = _options.Name });
        Context.Unbind();
        _policy = _options.Policy;
        PollMaxNs = _options.PollMaxNs;
        _isStopped = () => _stop || _policy != PollPolicy.Busy;
        ApplyPolicy();

        _thread = new Thread(Main) { Name = _options.Name, IsBackground = true };
    }

    /// <summary>The context that it runs.</summary>
    public AioContext Context { get; }

    /// <summary>Name of the thread.</summary>
    public string Name => _options.Name;

    /// <summary>How it waits. Any thread.</summary>
    public PollPolicy Policy => _policy;

    /// <summary>Longest polling in nanoseconds while the policy is <see cref="PollPolicy.Adaptive"/>.</summary>
    public long PollMaxNs { get; private set; }

    /// <summary>Raised on the thread when <see cref="SetPolicy"/> has changed how it waits, for whoever relied on the old way of being found.</summary>
    public event Action? PolicyChanged;

    /// <summary>Counters of the context. Any thread.</summary>
    public AioStatistics GetStatistics() => Context.GetStatistics();

    /// <summary>Starts the thread and waits until it runs.</summary>
    /// <exception cref="ErrnoException">The processor does not exist or is not allowed; the thread has ended again.</exception>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        if (_started)
        {
            throw new InvalidOperationException($"The thread '{Name}' was started before; make another IoThread.");
        }

        _started = true;
        _thread.Start();
        try
        {
            Context.RunAndWait(SetAffinity);
        }
        catch
        {
            Stop();
            throw;
        }
    }

    /// <summary>Ends the loop after the present pass and waits for the thread. Not from the thread itself. A second call does nothing.</summary>
    public void Stop()
    {
        if (!_started)
        {
            return;
        }

        if (Thread.CurrentThread == _thread)
        {
            throw new InvalidOperationException($"The thread '{Name}' can't wait for its own end; stop it from another thread.");
        }

        _stop = true;
        Context.Notify();
        _thread.Join();
    }

    /// <summary>Runs an action on the thread and waits for it. On the thread itself it is simply called. The action's exception is thrown here.</summary>
    /// <exception cref="InvalidOperationException">The thread does not run, or ended before the action ran.</exception>
    public void Run(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        if (Thread.CurrentThread == _thread)
        {
            action();
            return;
        }

        if (!_thread.IsAlive || _stop)
        {
            throw new InvalidOperationException($"The thread '{Name}' does not run; start it before running something on it.");
        }

        Context.RunAndWait(action);
    }

    /// <summary>Changes how it waits, from its next pass on; returns when that is so. Any thread, one at a time.</summary>
    /// <param name="policy">The new policy.</param>
    /// <param name="pollMaxNs">Longest polling in nanoseconds with <see cref="PollPolicy.Adaptive"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative.</exception>
    /// <exception cref="InvalidOperationException">The thread does not run.</exception>
    public void SetPolicy(PollPolicy policy, long pollMaxNs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pollMaxNs);
        Run(() =>
        {
            _policy = policy;
            PollMaxNs = pollMaxNs;
            ApplyPolicy();
            PolicyChanged?.Invoke();
        });
    }

    /// <summary>Stops the thread and disposes of the context.</summary>
    public void Dispose()
    {
        Stop();
        Context.Dispose();
    }

    private void ApplyPolicy()
    {
        if (Context.CanRunBusy)
        {
            Context.SetPollParameters(_policy == PollPolicy.Adaptive && Environment.ProcessorCount > 1 ? PollMaxNs : 0, 0, 0);
        }
    }

    private void SetAffinity()
    {
        if (_options.Cpu is { } cpu && sched_setaffinity(cpu) < 0)
        {
            Errno.Last.Throw($"sched_setaffinity of thread '{Name}' to processor {cpu}");
        }
    }

    private void Main()
    {
        Context.BindToCurrentThread();

        // The kernel's default lets every wait end 50 microseconds late.
        _ = prctl(PR_SET_TIMERSLACK, 1);
        SynchronizationContext.SetSynchronizationContext(Context.SynchronizationContext);
        while (!_stop && !Context.IsDisposed)
        {
            try
            {
                Loop();
            }
#pragma warning disable CA1031 // The outcome of any exception is documented at IoThreadOptions.UnhandledException.
            catch (Exception e)
            {
                if (_options.UnhandledException is { } handler)
                {
                    handler(e);
                }
                else
                {
                    _options.FailFast($"A callback of thread '{Name}' failed.", e);
                }
            }
#pragma warning restore CA1031
        }

        Context.CloseCalls();
    }

    private void Loop()
    {
        while (!_stop && !Context.IsDisposed)
        {
            PollPolicy policy = _policy;
            if (policy != PollPolicy.Busy || !Context.CanRunBusy)
            {
                Context.Poll(policy != PollPolicy.Busy);
                continue;
            }

            Context.RunBusy(_isStopped);
            if (!_stop && !Context.IsDisposed)
            {
                // The end of polling may have found something: that is dispatched before the thread sleeps for the first time.
                Context.Poll(false);
            }
        }
    }
}
