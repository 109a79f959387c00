using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>
/// Where front ends of one device come from: a listening socket (<see cref="VhostUserServer"/>) or a front end to connect to
/// (<see cref="VhostUserClient"/>). One session at a time. All members belong to the thread of the control AioContext.
/// </summary>
public abstract class VhostUserEndpoint : IDisposable
{
    private readonly MinuteLine _queuesLine;
    private readonly long[] _ends = new long[Enum.GetValues<SessionEnd>().Length];
    private readonly List<MemoryRegion> _prepared = [];
    private bool _disposed;
    private bool _isAbandoned;

    private protected VhostUserEndpoint(AioContext context, IVhostUserDevice device, VhostUserEndpointOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ConnectionsPerSecond, 1, nameof(options));
        if (options.Path is null == options.Descriptor is null)
        {
            throw new ArgumentException("An endpoint needs either a socket path or an inherited descriptor, and not both.", nameof(options));
        }

        Context = context;
        Device = device;
        var closer = new StrangerCloser();
        Quotas = new QuotaCounters { Closer = closer };
        Options = options with
        {
            Session = options.Session with
            {
                Log = new LimitedSessionLog(options.Session.Log, options.Clock, limitsErrors: true, options.Session.Quotas.LogLines, Quotas),
                Counters = Quotas,
                Closer = closer,
                Clock = options.Clock,
            },
        };
        _queuesLine = new MinuteLine(options.Clock);
        Name = options.Name ?? options.Path ?? $"fd {options.Descriptor!.Value}";
    }

    /// <summary>A front end connected. Its session has not handled a message yet.</summary>
    public event Action<VhostUserSession>? SessionStarted;

    /// <summary>A session is over and the device has been told.</summary>
    public event Action<VhostUserSession>? SessionEnded;

    /// <summary>Name in log lines.</summary>
    public string Name { get; }

    /// <summary>The connected front end, or null.</summary>
    public VhostUserSession? CurrentSession { get; private set; }

    /// <summary>Sessions so far.</summary>
    public long SessionCount { get; private set; }

    /// <summary>How many sessions ended for a reason. Any thread; the value may be a moment old.</summary>
    public long EndCount(SessionEnd reason) => Volatile.Read(ref _ends[(int)reason]);

    /// <summary>What its front ends make this process keep, and how often they were refused more.</summary>
    public QuotaCounters Quotas { get; }

    /// <summary>The control context.</summary>
    protected AioContext Context { get; }

    /// <summary>The device.</summary>
    protected IVhostUserDevice Device { get; }

    /// <summary>The options.</summary>
    protected VhostUserEndpointOptions Options { get; }

    private protected bool IsDisposed => _disposed;

    /// <summary>Whether the last session got as far as acknowledging features, rather than being turned away.</summary>
    private protected bool SessionMadeProgress { get; set; }

    /// <summary>Whether the last session ended because there are too few queues for it, as far as that can be known.</summary>
    private protected bool SessionLeftForQueues { get; private set; }

    private protected SessionLogWriter Log => new(Options.Session.Log, Name);

    /// <summary>Makes the endpoint that the options ask for.</summary>
    public static VhostUserEndpoint Create(AioContext context, IVhostUserDevice device, VhostUserEndpointOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Mode == EndpointMode.Client ? new VhostUserClient(context, device, options) : new VhostUserServer(context, device, options);
    }

    /// <summary>Begins to listen or to connect.</summary>
    /// <exception cref="IOException">The socket can't be had; the message says why.</exception>
    public abstract void Start();

    /// <summary>Ends the session and stops listening or connecting.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            CurrentSession?.Dispose();
            ForgetPrepared();
            Dispose(true);
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>Stops listening or connecting.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>The session is over; the endpoint looks for the next.</summary>
    protected abstract void OnSessionEnded();

    /// <summary>Continues a session that was captured elsewhere. To be called before <see cref="Start"/>.</summary>
    /// <param name="snapshot">The state; stays the caller's.</param>
    /// <exception cref="InvalidDataException">The device does not fit the state.</exception>
    /// <exception cref="GuestMemoryException">Guest memory can't be mapped.</exception>
    public void Resume(SessionSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        Adopt(VhostUserSession.Resume(Context, snapshot.With(_prepared), Device, Name, Options.Session, Options.OfferedFeatures));
        ForgetPrepared();
    }

    /// <summary>
    /// Maps the guest memory of a session that still runs elsewhere, so that <see cref="Resume"/> finds it mapped. To be called before <see cref="Start"/>;
    /// once more when that session has other memory.
    /// </summary>
    /// <param name="snapshot">The session's state at present; stays the caller's.</param>
    /// <exception cref="InvalidDataException">The state does not fit together.</exception>
    /// <exception cref="GuestMemoryException">Guest memory can't be mapped.</exception>
    public void Prepare(SessionSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ForgetPrepared();
        StrangerCloser closer = Options.Session.Closer!;
        foreach (RegionData region in snapshot.Data.Regions)
        {
            FileDescriptor file = closer.Own(snapshot.Duplicate(region.Descriptor));
            _prepared.Add(MemoryRegion.Map(region.Description, file, SealPolicy.Off, null, closer));
        }
    }

    /// <summary>Goes on counting sessions where the process before this one stopped.</summary>
    /// <param name="sessions">Sessions so far, a present one among them.</param>
    public void RestoreSessionCount(long sessions) => SessionCount = sessions;

    /// <summary>
    /// Another process has taken over: what it goes on with is left alone when this endpoint ends, the socket's name above all. Nothing new is begun here.
    /// </summary>
    public virtual void Abandon() => _isAbandoned = true;

    private void ForgetPrepared()
    {
        _prepared.ForEach(r => r.Release());
        _prepared.Clear();
    }

    private protected void BeginSession(FileDescriptor socket)
    {
        try
        {
            Adopt(new VhostUserSession(Context, socket, Device, Name, Options.Session, Options.OfferedFeatures));
        }
        catch (ErrnoException e)
        {
            // This process is out of descriptors or the like; that is no reason to end the other guests.
            Log.Write(SessionLogLevel.Error, $"a front end could not be served: {e.Message}");
            CurrentSession?.Dispose();
            socket.Dispose();
        }
    }

    private void Adopt(VhostUserSession session)
    {
        session.Ended += EndSession;
        CurrentSession = session;
        SessionCount++;
        session.Start();
        SessionStarted?.Invoke(session);
    }

    private void EndSession(VhostUserSession session)
    {
        CurrentSession = null;
        _ends[(int)session.EndedBy]++;
        SessionMadeProgress = session.HasNegotiated;
        SessionLeftForQueues = session.LeftForQueues;
        if (SessionLeftForQueues)
        {
            _queuesLine.Write(
                Log,
                $"{Device.QueueNumAnswer} queue pairs offered, and the front end, process {session.PeerProcess}, left as soon as it was told: a QEMU with a greater queues= does that, and " +
                "tries again for ever; raise --queue-pairs (\"queuePairs\" of the port), or lower queues= (libvirt: <driver queues='…'/>)");
        }

        SessionEnded?.Invoke(session);
        if (!_disposed && !_isAbandoned)
        {
            OnSessionEnded();
        }
    }
}
