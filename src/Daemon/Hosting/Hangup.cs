using System.Runtime.InteropServices;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// SIGHUP, which asks a daemon to look at its files again. From here on it ends nothing; one that comes before somebody listens is kept. Any thread.
/// </summary>
internal sealed class Hangup : IDisposable
{
    private readonly PosixSignalRegistration _registration;
    private readonly Lock _lock = new();
    private Action? _handler;
    private bool _isKept;

    /// <summary>Takes the signal.</summary>
    public Hangup() => _registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
    {
        context.Cancel = true;
        Raise();
    });

    /// <summary>Says what to do about it, at once if one was kept.</summary>
    /// <param name="handler">Does not block.</param>
    public void Listen(Action handler)
    {
        lock (_lock)
        {
            _handler = handler;
            if (!_isKept)
            {
                return;
            }
        }

        handler();
    }

    /// <inheritdoc/>
    public void Dispose() => _registration.Dispose();

    private void Raise()
    {
        Action? handler;
        lock (_lock)
        {
            handler = _handler;
            _isKept = handler is null;
        }

        handler?.Invoke();
    }
}
