using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Messages;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <summary>
/// One connected front end. Messages change a state; after each, one function makes the rings follow it. Nothing that a front end sends ends anything but
/// its own session. All members belong to the thread of the control AioContext.
/// </summary>
public sealed partial class VhostUserSession : IDisposable, IChannelHandler
{
    // QEMU needs milliseconds; on a loaded machine they may be many.
    private const long LeavesAtOnceNs = 2_000_000_000;

    private readonly SessionContext _session;
    private readonly SessionRings _rings;
    private readonly FeatureMessages _features;
    private readonly BackendMessages _backend;
    private readonly PostcopyMessages _postcopy;
    private long? _askedForQueuesNs;
    private SessionEnd? _endedBy;
    private bool _hasMessages;
    private bool _isResumed;

    /// <summary>Takes over a connected socket; nothing happens before <see cref="Start"/>.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="socket">The connection; owned from here on.</param>
    /// <param name="device">The device, which serves one session at a time.</param>
    /// <param name="name">Name in log lines.</param>
    /// <param name="options">How to behave.</param>
    /// <param name="offeredStore">Remembers what was offered on this socket; null when nothing does.</param>
    public VhostUserSession(
        AioContext context, FileDescriptor socket, IVhostUserDevice device, string name, SessionOptions options, OfferedFeatureStore? offeredStore = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        Name = name;
        _session = new SessionContext(context, device, name, UnixSocket.PeerProcess(socket), options);
        _session.Channel = new VhostUserChannel(context, socket, this, _session.ChannelOptions);
        _backend = new BackendMessages(_session);
        var iotlb = new IotlbMessages(_session, _backend);
        _rings = new SessionRings(_session, _backend, iotlb.Misses);
        _features = new FeatureMessages(_session, _rings, offeredStore);
        _postcopy = new PostcopyMessages(_session);

        // The device needs nothing of the others to be restored, memory the features, rings all of them.
        _session.Groups =
        [
            new DeviceMessages(_session, _rings), _features, new MemoryMessages(_session, _rings, _postcopy), iotlb, new DirtyLogMessages(_session, _rings),
            new InflightMessages(_session, _rings), _backend, new RingMessages(_session, _rings, _backend, iotlb.Misses), _postcopy,
            new DeviceStateMessages(_session),
        ];
        Handlers = new HandlerTable(_session.Groups);
    }

    /// <summary>Raised once, when the session is over and the device has been told.</summary>
    public event Action<VhostUserSession>? Ended;

    /// <summary>Name in log lines.</summary>
    public string Name { get; }

    /// <summary>Process id of the front end as the kernel knows it, 0 if it does not.</summary>
    public int PeerProcess => _session.PeerProcess;

    /// <summary>Virtio features that the front end acknowledged.</summary>
    public ulong Features => State.Features;

    /// <summary>Protocol features that the front end acknowledged.</summary>
    public ulong AcknowledgedProtocolFeatures => State.ProtocolFeatures;

    /// <summary>Virtio features that are offered, VHOST_USER_F_PROTOCOL_FEATURES among them.</summary>
    public ulong OfferedFeatures => _features.Offered;

    /// <summary>Protocol features that are offered.</summary>
    public ulong OfferedProtocolFeatures => _features.OfferedProtocol;

    /// <summary>Whether the front end has acknowledged features.</summary>
    public bool HasNegotiated => State.HasFeatures;

    /// <summary>The guest memory that the front end shares at present.</summary>
    internal MemoryTable Memory => State.Memory;

    /// <summary>Use and refusals; any thread may read it.</summary>
    public QuotaCounters Quotas => _session.Counters;

    /// <summary>Whether the session is over.</summary>
    public bool IsEnded => _session.IsEnded;

    /// <summary>
    /// True when a snapshot would hold everything: no reply waits for room in the socket, no transfer of device state or postcopy hand-shake is half done.
    /// </summary>
    public bool CanCapture => !IsEnded && _session.Channel.UnsentCount == 0 && _session.Groups.All(g => g.CanCapture);

    /// <summary>
    /// Whether the front end left as soon as it had been told how many queues there are, and before it wanted anything else: QEMU does that, and tries again
    /// for ever, when its netdev has more of them. It does not say how many it wanted.
    /// </summary>
    internal bool LeftForQueues { get; private set; }

    /// <summary>Whether the front end is gone although nobody has noticed yet.</summary>
    internal bool HasHungUp => !IsEnded && UnixSocket.HasHungUp(_session.Channel.Socket);

    /// <summary>The session's state, for tests and status.</summary>
    internal SessionState State => _session.State;

    /// <summary>Who handles which message.</summary>
    internal HandlerTable Handlers { get; }

    /// <summary>What was taken from the present or the last turn, in nominal nanoseconds.</summary>
    internal long TurnSpent => _session.Turn.Spent;

    private SessionLogWriter Log => _session.Log;

    /// <summary>Begins to talk to the front end.</summary>
    public void Start()
    {
        Log.Info($"front end connected{(PeerProcess == 0 ? string.Empty : $", process {PeerProcess}")}");
        if (!_isResumed)
        {
            _session.Device.Handle(new DeviceRequest(DeviceRequestKind.Connected, (ulong)PeerProcess));
        }

        _session.Channel.Start();
    }

    /// <inheritdoc cref="BackendMessages.NotifyConfigChanged"/>
    public bool NotifyConfigChanged() => _backend.NotifyConfigChanged();

    /// <summary>Why the session ended; of no meaning before.</summary>
    public SessionEnd EndedBy { get; private set; }

    /// <summary>Ends the session from this side.</summary>
    public void Close(string reason)
    {
        _endedBy = SessionEnd.BackEnd;
        _session.Channel.Close(reason, isError: false);
    }

    /// <summary>Ends the session.</summary>
    public void Dispose()
    {
        if (!IsEnded)
        {
            Close("the back end ends the session");
        }
    }

    /// <inheritdoc/>
    void IChannelHandler.ChannelClosed(string reason, bool isError) => End(reason, isError);

    private void End(string reason, bool isError)
    {
        if (IsEnded)
        {
            return;
        }

        _session.IsEnded = true;
        LeftForQueues = _askedForQueuesNs is { } asked && !State.HasFeatures && _session.Options.Clock.NowNs - asked < LeavesAtOnceNs;
        Quotas.SilentConnections += _hasMessages ? 0 : 1;
        EndedBy = _endedBy ?? (isError ? SessionEnd.Error : LeftForQueues ? SessionEnd.Queues : _hasMessages ? SessionEnd.FrontEnd : SessionEnd.Silent);
        _session.Options.Log.Write(isError ? SessionLogLevel.Error : SessionLogLevel.Info, Name, $"connection ended: {reason}");

        // A thread that waits for a page would wait for ever now, and stopping its ring waits for it.
        _postcopy.Close();
        _rings.StopAll();
        _session.Device.Handle(new DeviceRequest(DeviceRequestKind.Disconnected, 0));
        _rings.Close();
        foreach (MessageGroup group in _session.Groups)
        {
            group.Close();
        }

        State.Dispose();
        _session.Reply.Clear();
        _session.Limits.UpdateUse();
        Ended?.Invoke(this);
    }
}
