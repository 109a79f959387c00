using System.Diagnostics;

namespace VhostNet.Continuity;

/// <summary>
/// A guest that sends to itself as fast as it can, on a thread of its own, and notes the longest time in which nothing came back.
/// </summary>
internal sealed class BusyGuest : IDisposable
{
    private readonly FrontendGuest _guest;
    private readonly Thread _thread;
    private volatile bool _stops;
    private long _worst;

    public BusyGuest(string socket)
    {
        _guest = new FrontendGuest(socket, 64, 256);
        _thread = new Thread(Run) { Name = "guest", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Frames that came back so far.</summary>
    public long Received => _guest.Received;

    /// <summary>The longest time without a frame since this was asked for last.</summary>
    public TimeSpan TakeWorst() => Stopwatch.GetElapsedTime(0, Interlocked.Exchange(ref _worst, 0));

    /// <summary>Stops sending, and waits for what is under way.</summary>
    /// <returns>Frames that were sent and did not come back.</returns>
    public long Stop()
    {
        _stops = true;
        _thread.Join();
        _guest.Pump(TimeSpan.FromMilliseconds(200), send: false);
        return _guest.Sent - _guest.Received;
    }

    public void Dispose()
    {
        if (!_stops)
        {
            Stop();
        }

        _guest.Dispose();
    }

    private void Run()
    {
        long last = Stopwatch.GetTimestamp();
        long received = 0;
        while (!_stops)
        {
            _guest.Turn();
            if (_guest.Received == received)
            {
                continue;
            }

            received = _guest.Received;
            long now = Stopwatch.GetTimestamp();
            if (now - last > Volatile.Read(ref _worst))
            {
                Volatile.Write(ref _worst, now - last);
            }

            last = now;
        }
    }
}
