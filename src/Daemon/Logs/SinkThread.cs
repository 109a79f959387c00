using Serilog.Core;
using Serilog.Events;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// One place that log lines go to, with a queue and a thread of its own: whoever logs waits for nobody, and no sink waits for another. What a full queue has no
/// room for, or the writer can't write, is lost and counted. Any thread.
/// </summary>
internal sealed class SinkThread : ILogEventSink
{
    /// <summary>Lines that may wait.</summary>
    public const int QueueLength = 10_000;

    private readonly object _gate = new();
    private readonly Queue<LogEvent> _lines = new();
    private readonly Queue<Action> _errands = new();
    private readonly ILogWriter _writer;
    private readonly Thread _thread;
    private bool _isHeld;
    private bool _isEnding;
    private long _lost;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">The sink's name, in metrics and as the thread's.</param>
    /// <param name="writer">Where lines go; belongs to this from here on.</param>
    /// <param name="isHeld">Lines wait until <see cref="Release"/>.</param>
    public SinkThread(string name, ILogWriter writer, bool isHeld = false)
    {
        Name = name;
        _writer = writer;
        _isHeld = isHeld;

        // It may be stuck in a write when the process ends, and does not keep it.
        _thread = new Thread(Run) { Name = $"log {name}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The sink's name.</summary>
    public string Name { get; }

    /// <summary>Lines lost so far.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        lock (_gate)
        {
            if (_isEnding || _lines.Count >= QueueLength)
            {
                Interlocked.Increment(ref _lost);
                return;
            }

            _lines.Enqueue(logEvent);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Has the thread do something between two lines, in front of those that wait.</summary>
    public void Post(Action errand)
    {
        lock (_gate)
        {
            _errands.Enqueue(errand);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Lets held lines go.</summary>
    /// <param name="dropHeld">True to forget them, as if they had never been logged.</param>
    public void Release(bool dropHeld = false)
    {
        lock (_gate)
        {
            if (_isHeld && dropHeld)
            {
                _lines.Clear();
            }

            _isHeld = false;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Takes no more lines; those that wait are still written. Does not wait for it.</summary>
    public void BeginEnd()
    {
        lock (_gate)
        {
            _isEnding = true;
            _isHeld = false;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Waits for the last line, after <see cref="BeginEnd"/>.</summary>
    /// <returns>Whether it was written in time.</returns>
    public bool Join(TimeSpan limit) => _thread.Join(limit);

    private void Run()
    {
        while (Next(out LogEvent? line, out Action? errand))
        {
            try
            {
                errand?.Invoke();
                if (line is null || _writer.Write(line))
                {
                    continue;
                }
            }
#pragma warning disable CA1031 // There is no log to say it in, and no line is worth the process.
            catch (Exception)
            {
                // Lost, as if it could not be written.
            }
#pragma warning restore CA1031
            Interlocked.Increment(ref _lost);
        }

        _writer.Dispose();
    }

    private bool Next(out LogEvent? line, out Action? errand)
    {
        line = null;
        lock (_gate)
        {
            while (true)
            {
                if (_errands.TryDequeue(out errand) || (!_isHeld && _lines.TryDequeue(out line)))
                {
                    return true;
                }

                if (_isEnding)
                {
                    return false;
                }

                Monitor.Wait(_gate);
            }
        }
    }
}
