using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <summary>
/// One connected front end. Messages change a state; after each, one function makes the rings follow it. Nothing that a front end sends ends anything but
/// its own session. All members belong to the thread of the control AioContext.
/// </summary>
public sealed partial class VhostUserSession : IDisposable, IChannelHandler
{
    // QEMU needs milliseconds; on a loaded machine they may be many.
    private const long LeavesAtOnceNs = 2_000_000_000;

    private readonly AioContext _context;
    private readonly IVhostUserDevice _device;
    private readonly SessionOptions _options;
    private readonly LimitedSessionLog _log;
    private readonly VhostUserChannel _channel;
    private readonly ChannelOptions _channelOptions;
    private readonly SessionState _state;
    private readonly RingReconciler _rings;
    private readonly Reply _reply = new();
    private ulong _offeredFeatures;
    private ulong _offeredProtocolFeatures;
    private readonly OfferedFeatureStore? _offeredStore;
    private readonly IotlbMissQueue _iotlbMisses;
    private readonly BottomHalf _inBandCalls;
    private EventNotifier? _logNotifier;
    private long? _askedForQueuesNs;
    private bool _isResumed;
    private bool _ended;

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
        _context = context;
        _device = device;
        _options = options;
        _quotas = options.Quotas;
        _quotas.Check();
        _closer = options.Closer ?? new StrangerCloser();
        _counters = options.Counters ?? new QuotaCounters { Closer = _closer };
        _log = new LimitedSessionLog(options.Log, options.Clock, burst: _quotas.LogLines, counters: _counters);
        _jobs = new RateLimit(options.Clock, _quotas.Jobs, JobNs);
        _offeredStore = offeredStore;
        Name = name;
        PeerProcess = UnixSocket.PeerProcess(socket);
        _state = new SessionState(device.QueueCountMax);
        _state.Iotlb.Limit = _quotas.IotlbEntries;
        _rings = new RingReconciler(_state, device, options, new RingEvents(this));
        _channelOptions = MakeChannelOptions(_quotas, _closer, _counters, options.Clock, text => Log.Warning(text));
        _channel = new VhostUserChannel(context, socket, this, _channelOptions);
        _startRings = context.CreateBottomHalf(StartMoreRings, "start-rings");
        _iotlbMisses = new IotlbMissQueue(context, SendIotlbMiss, ReportAccessFailure);
        _inBandCalls = context.CreateBottomHalf(SendInBandCalls, "vring-call");
        _offeredFeatures = OfferFeatures();
        _offeredProtocolFeatures = (SessionOptions.SessionProtocolFeatures | (device.ProtocolFeatures & SessionOptions.DeviceProtocolFeatures))
            & options.AllowedProtocolFeatures & (UserFault.IsAvailable ? ulong.MaxValue : ~ProtocolFeatures.PAGEFAULT);
    }

    /// <summary>Raised once, when the session is over and the device has been told.</summary>
    public event Action<VhostUserSession>? Ended;

    /// <summary>Name in log lines.</summary>
    public string Name { get; }

    /// <summary>Process id of the front end as the kernel knows it, 0 if it does not.</summary>
    public int PeerProcess { get; }

    /// <summary>Virtio features that the front end acknowledged.</summary>
    public ulong Features => _state.Features;

    /// <summary>Protocol features that the front end acknowledged.</summary>
    public ulong AcknowledgedProtocolFeatures => _state.ProtocolFeatures;

    /// <summary>Virtio features that are offered, VHOST_USER_F_PROTOCOL_FEATURES among them.</summary>
    public ulong OfferedFeatures => _offeredFeatures;

    /// <summary>Protocol features that are offered.</summary>
    public ulong OfferedProtocolFeatures => _offeredProtocolFeatures;

    /// <summary>Whether the front end has acknowledged features.</summary>
    public bool HasNegotiated => _state.HasFeatures;

    /// <summary>The guest memory that the front end shares at present.</summary>
    public MemoryTable Memory => _state.Memory;

    /// <summary>Whether the session is over.</summary>
    public bool IsEnded => _ended;

    /// <summary>
    /// Whether the front end left as soon as it had been told how many queues there are, and before it wanted anything else: QEMU does that, and tries again for ever,
    /// when its netdev has more of them. It does not say how many it wanted.
    /// </summary>
    internal bool LeftForQueues { get; private set; }

    /// <summary>Whether the front end is gone although nobody has noticed yet.</summary>
    internal bool HasHungUp => !_ended && UnixSocket.HasHungUp(_channel.Socket);

    /// <summary>The session's state, for tests and status.</summary>
    internal SessionState State => _state;

    private SessionLogWriter Log => new(_log, Name);

    /// <summary>Begins to talk to the front end.</summary>
    public void Start()
    {
        Log.Info($"front end connected{(PeerProcess == 0 ? string.Empty : $", process {PeerProcess}")}");
        if (!_isResumed)
        {
            _device.Handle(new DeviceRequest(DeviceRequestKind.Connected, (ulong)PeerProcess));
        }

        _channel.Start();
    }

    /// <summary>Ends the session from this side.</summary>
    public void Close(string reason) => _channel.Close(reason, isError: false);

    /// <summary>Ends the session.</summary>
    public void Dispose()
    {
        if (!_ended)
        {
            Close("the back end ends the session");
        }
    }

    /// <inheritdoc/>
    void IChannelHandler.ChannelClosed(string reason, bool isError) => End(reason, isError);

    private void End(string reason, bool isError)
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        LeftForQueues = _askedForQueuesNs is { } asked && !_state.HasFeatures && _options.Clock.NowNs - asked < LeavesAtOnceNs;
        _counters.SilentConnections += _hasMessages ? 0 : 1;
        _options.Log.Write(isError ? SessionLogLevel.Error : SessionLogLevel.Info, Name, $"connection ended: {reason}");
        // A thread that waits for a page would wait for ever now, and stopping its ring waits for it.
        DisposePostcopy();
        _rings.StopAll();
        _device.Handle(new DeviceRequest(DeviceRequestKind.Disconnected, 0));
        _iotlbMisses.Close();
        _inBandCalls.Delete();
        _startRings.Delete();
        _backendChannel?.Dispose();
        _transfer?.Dispose();
        _state.Dispose();
        _logNotifier?.Dispose();
        _reply.Clear();
        UpdateUse();
        Ended?.Invoke(this);
    }

    private ulong OfferFeatures()
    {
        ulong features = _device.Features;
        if (_offeredStore is not null)
        {
            features = _offeredStore.Offer(features, out string? warning, WarnLater);
            if (warning is not null)
            {
                Log.Warning(warning);
            }
        }

        return features | VirtioFeatures.PROTOCOL_FEATURES;
    }
}
