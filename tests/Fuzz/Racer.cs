namespace VhostNet.Fuzz;

/// <summary>A guest's other processor: repeats an action while the device works.</summary>
internal sealed class Racer : IDisposable
{
    private readonly object _gate = new();
    private readonly Thread _thread;
    private Action? _action;
    private bool _ends;

    public Racer()
    {
        _thread = new Thread(Main) { Name = "racer", IsBackground = true };
        _thread.Start();
    }

    public void Begin(Action action)
    {
        lock (_gate)
        {
            _action = action;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>When this returns, the action does not run any more.</summary>
    public void End()
    {
        lock (_gate)
        {
            _action = null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
    }

    private void Main()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_action is null && !_ends)
                {
                    Monitor.Wait(_gate);
                }

                if (_ends)
                {
                    return;
                }

                _action!();
            }

            // Whoever wants to stop this gets the lock.
            Thread.Yield();
        }
    }
}
