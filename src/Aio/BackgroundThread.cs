namespace VhostNet.Aio;

/// <summary>
/// A thread for what no loop thread may do, because it can wait for a stranger or for a disk: closing files that somebody sent, writing files, reading /proc.
/// Work is done one piece after the other. The thread begins with the first piece and ends some time after the last, and is no reason for the process to stay.
/// All members may be called by any thread, and none waits but <see cref="Drain"/>.
/// </summary>
/// <param name="name">Name of the thread, at most 15 characters.</param>
/// <param name="limit">Pieces of work that may wait.</param>
internal sealed class BackgroundThread(string name, int limit = int.MaxValue)
{
    private static readonly TimeSpan s_linger = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly Queue<Action> _work = new();
    private bool _isRunning;
    private bool _isBusy;
    private long _faults;

    /// <summary>Pieces that are not done: those that wait and the one that is being done.</summary>
    public int Pending
    {
        get
        {
            lock (_gate)
            {
                return _work.Count + (_isBusy ? 1 : 0);
            }
        }
    }

    /// <summary>Pieces of work that ended with an exception, which is lost otherwise: a piece says itself what went wrong.</summary>
    public long Faults => Interlocked.Read(ref _faults);

    /// <summary>Raised by the thread whenever nothing is left to do. Must not throw.</summary>
    public event Action? Idle;

    /// <summary>Hands over a piece of work.</summary>
    /// <returns>False when too much waits already.</returns>
    public bool TryPost(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        lock (_gate)
        {
            if (_work.Count >= limit)
            {
                return false;
            }

            _work.Enqueue(work);
            if (_isRunning)
            {
                Monitor.PulseAll(_gate);
                return true;
            }

            _isRunning = true;
        }

        new Thread(Run) { IsBackground = true, Name = name }.Start();
        return true;
    }

    /// <summary>Waits until all that was handed over is done.</summary>
    /// <param name="limit">How long at most.</param>
    /// <returns>False when the time did not suffice.</returns>
    public bool Drain(TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        lock (_gate)
        {
            while (_work.Count != 0 || _isBusy)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0)
                {
                    return false;
                }

                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }

            return true;
        }
    }

    private void Run()
    {
        while (TryTake(out Action? work))
        {
            try
            {
                work!();
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Interlocked.Increment(ref _faults);
            }

            Finish();
        }
    }

    private bool TryTake(out Action? work)
    {
        lock (_gate)
        {
            if (_work.Count == 0)
            {
                // One look more after the pause decides: work that came meanwhile is there, and work that comes later finds no thread and makes one.
                Monitor.Wait(_gate, s_linger);
            }

            _isBusy = _work.TryDequeue(out work);
            _isRunning = _isBusy;
            return _isBusy;
        }
    }

    private void Finish()
    {
        bool isIdle;
        lock (_gate)
        {
            _isBusy = false;
            isIdle = _work.Count == 0;
            Monitor.PulseAll(_gate);
        }

        if (isIdle)
        {
            Idle?.Invoke();
        }
    }
}
