using System.Runtime.ExceptionServices;

namespace VhostNet.Aio;

/// <summary>An action that one thread has run on another and waits for.</summary>
internal sealed class HomeCall(Action action) : IDisposable
{
    private const int Waiting = 0;
    private const int Running = 1;
    private const int Failed = 2;

    private readonly ManualResetEventSlim _done = new();
    private ExceptionDispatchInfo? _error;
    private int _state;

    /// <summary>On the home thread. After <see cref="Fail"/> it does nothing.</summary>
    public void Run()
    {
        if (Interlocked.CompareExchange(ref _state, Running, Waiting) != Waiting)
        {
            return;
        }

        try
        {
            action();
        }
#pragma warning disable CA1031 // It is thrown again on the thread that waits.
        catch (Exception e)
        {
            _error = ExceptionDispatchInfo.Capture(e);
        }
#pragma warning restore CA1031

        _done.Set();
    }

    /// <summary>Gives up, unless the action runs already.</summary>
    public void Fail(string name)
    {
        if (Interlocked.CompareExchange(ref _state, Failed, Waiting) == Waiting)
        {
            _error = ExceptionDispatchInfo.Capture(new InvalidOperationException($"The loop '{name}' does not run any more; the action was not run."));
            _done.Set();
        }
    }

    public void Wait() => _done.Wait();

    public void ThrowIfFailed() => _error?.Throw();

    public void Dispose() => _done.Dispose();
}
