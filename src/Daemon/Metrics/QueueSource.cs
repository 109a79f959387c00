using System.Globalization;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.Daemon.Metrics;

/// <summary>
/// A guest's queue that is measured. A ring's counters begin at zero with each session; here they go on growing, because the last values of a ring that was
/// replaced are kept. All members from any thread.
/// </summary>
internal sealed class QueueSource
{
    private readonly RxQueue? _rx;
    private readonly TxQueue? _tx;
    private readonly Lock _lock = new();
    private VirtqueueCounters _earlier;
    private RingView? _ring;

    /// <summary>Makes a source of a receive queue.</summary>
    public QueueSource(string port, RxQueue queue, string thread, IReadOnlyDictionary<string, string>? labels = null)
        : this(port, queue.Index, "rx", thread, labels) => _rx = queue;

    /// <summary>Makes a source of a transmit queue.</summary>
    public QueueSource(string port, TxQueue queue, IReadOnlyDictionary<string, string>? labels = null)
        : this(port, queue.Index, "tx", queue.Thread.Name, labels) => _tx = queue;

    private QueueSource(string port, int index, string direction, string thread, IReadOnlyDictionary<string, string>? labels)
    {
        Port = port;
        ThreadName = thread;
        Index = index;
        Name = index.ToString(CultureInfo.InvariantCulture) + direction;
        Labels = new SeriesLabels(labels, ("port", port), ("queue", index.ToString(CultureInfo.InvariantCulture)), ("direction", direction));
    }

    /// <summary>The port's name.</summary>
    public string Port { get; }

    /// <summary>How the queue is called, as in <c>0rx</c>.</summary>
    public string Name { get; }

    /// <summary>Number of the queue pair.</summary>
    public int Index { get; }

    /// <summary>True for a receive queue, which we write.</summary>
    public bool IsReceive => _rx is not null;

    /// <summary>The thread that works on the queue.</summary>
    public string ThreadName { get; }

    /// <summary>The labels of the queue's series.</summary>
    public SeriesLabels Labels { get; }

    /// <summary>The ring, or null when it does not run.</summary>
    public RingView? Ring => _rx is not null ? _rx.Ring : _tx!.Ring;

    /// <summary>Frames.</summary>
    public ref FrameCounters Frames => ref _rx is not null ? ref _rx.Counters : ref _tx!.Counters;

    /// <summary>What the queue's rings did since the daemon started.</summary>
    public void Read(out VirtqueueCounters counters)
    {
        lock (_lock)
        {
            RingView? ring = Ring;
            if (!ReferenceEquals(ring, _ring))
            {
                if (_ring is not null)
                {
                    RingCounters.Add(ref _earlier, _ring.Counters);
                }

                _ring = ring;
            }

            counters = _earlier;
            if (ring is not null)
            {
                RingCounters.Add(ref counters, ring.Counters);
            }

            // A state of the present ring, and no sum.
            counters.Waiting = ring?.Counters.Waiting ?? 0;
        }
    }

    /// <summary>Goes on counting where another process stopped. Before the first <see cref="Read"/>.</summary>
    public void Restore(in VirtqueueCounters earlier)
    {
        lock (_lock)
        {
            _earlier = earlier;
        }
    }
}
