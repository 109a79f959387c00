using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>What the groups of messages of one session share: the connection, the state, the device, the limits. Control thread.</summary>
internal sealed class SessionContext
{
    /// <summary>Prepares a session that has no connection yet.</summary>
    /// <param name="loop">The control context.</param>
    /// <param name="device">The device.</param>
    /// <param name="name">Name in log lines.</param>
    /// <param name="peerProcess">Process id of the front end, 0 when it is not known.</param>
    /// <param name="options">How to behave.</param>
    /// <exception cref="ArgumentOutOfRangeException">A quota is out of its range.</exception>
    public SessionContext(AioContext loop, IVhostUserDevice device, string name, int peerProcess, SessionOptions options)
    {
        options.Quotas.Check();
        Loop = loop;
        Device = device;
        PeerProcess = peerProcess;
        Options = options;
        Closer = options.Closer ?? new StrangerCloser();
        Counters = options.Counters ?? new QuotaCounters { Closer = Closer };
        Log = new SessionLogWriter(new LimitedSessionLog(options.Log, options.Clock, burst: options.Quotas.LogLines, counters: Counters), name);
        State = new SessionState(device.QueueCountMax);
        State.Iotlb.Limit = options.Quotas.IotlbEntries;
        Limits = new SessionLimits(this);
        ChannelOptions = new ChannelOptions
        {
            Closer = Closer,
            HalfReceivedNs = options.Quotas.HalfReceivedMs * 1_000_000L,
            Clock = options.Clock,
            HalfReceived = () => Counters.HalfReceivedEnded++,
            HeldUp = Log.Warning,
        };
    }

    /// <summary>The control context.</summary>
    public AioContext Loop { get; }

    /// <summary>The device.</summary>
    public IVhostUserDevice Device { get; }

    /// <summary>Process id of the front end, 0 when it is not known.</summary>
    public int PeerProcess { get; }

    /// <summary>How to behave.</summary>
    public SessionOptions Options { get; }

    /// <summary>Closes what the front end sent.</summary>
    public StrangerCloser Closer { get; }

    /// <summary>Counts use and refusals.</summary>
    public QuotaCounters Counters { get; }

    /// <summary>Where the session says what happens.</summary>
    public SessionLogWriter Log { get; }

    /// <summary>All that the front end has said.</summary>
    public SessionState State { get; }

    /// <summary>What the present message is answered with.</summary>
    public Reply Reply { get; } = new();

    /// <summary>What the front end may make us keep.</summary>
    public SessionLimits Limits { get; }

    /// <summary>What a channel to this front end needs.</summary>
    public ChannelOptions ChannelOptions { get; }

    /// <summary>The connection; set once by the session, which the channel calls, before anything else here is used.</summary>
    public VhostUserChannel Channel { get; set; } = null!;

    /// <summary>The groups of messages, in the order in which they are captured, restored and closed; set once by the session.</summary>
    public IReadOnlyList<MessageGroup> Groups { get; set; } = [];

    /// <summary>Whether the session is over.</summary>
    public bool IsEnded { get; set; }

    /// <summary>The turn that messages are handled in.</summary>
    public ref TurnBudget Turn => ref Channel.Turn;

    /// <summary>Has something said in the log that another thread found out. Any thread.</summary>
    public void WarnLater(string warning) => Loop.ScheduleOneShot(() => Log.Warning(warning), "warning");

    /// <summary>Takes over an eventfd that came with a message.</summary>
    /// <param name="descriptor">The descriptor; owned from here on, also when this call fails.</param>
    /// <param name="request">The message.</param>
    /// <param name="ring">The ring that it is for.</param>
    /// <exception cref="ProtocolException">It is no eventfd.</exception>
    public EventNotifier TakeNotifier(FileDescriptor descriptor, RequestCode request, int ring)
    {
        try
        {
            NotifierCheck.Check(descriptor, request, ring);
            return MakeForeignNotifier(descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>Takes an eventfd of the front end over, so that this thread never waits for it, and no thread for long.</summary>
    public EventNotifier MakeForeignNotifier(FileDescriptor descriptor) => new(descriptor, Loop) { Stuck = OnStuck };

    /// <summary>On the watchdog's thread: a write to a notifier did not come back, because the front end filled its counter and made it block.</summary>
    private void OnStuck(EventNotifier notifier) => Loop.ScheduleOneShot(EndAsHostile, "stuck-notifier");

    private void EndAsHostile()
    {
        if (!IsEnded)
        {
            Counters.StuckNotifiers++;
            Channel.Close(
                "an eventfd of the front end made a thread of this process wait in a write: its counter is full and O_NONBLOCK was taken away; " +
                "no driver does that");
        }
    }
}
