using VhostNet.Aio.Timers;

namespace VhostNet.Daemon.Common;

/// <summary>A moment until which something of another process is waited for, by the machine's clock. Any thread that may wait.</summary>
internal readonly struct Deadline
{
    private readonly long _atNs;

    private Deadline(long atNs) => _atNs = atNs;

    /// <summary>Whether it has come.</summary>
    public bool IsOver => AioClock.Monotonic.NowNs >= _atNs;

    /// <summary>The one that lies so far ahead.</summary>
    public static Deadline In(TimeSpan limit) => new(AioClock.Monotonic.NowNs + (limit.Ticks * 100));

    /// <summary>Waits for a descriptor until then, a second at most; what came of it the next call on the descriptor says.</summary>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="events">As in poll(2).</param>
    public void Wait(FileDescriptor descriptor, short events)
    {
        long leftMs = (_atNs - AioClock.Monotonic.NowNs + 999_999) / 1_000_000;
        Span<pollfd> set = [new pollfd { fd = descriptor.Value, events = events }];
        _ = poll(set, (int)Math.Clamp(leftMs, 0, 1000));
    }
}
