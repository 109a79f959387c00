using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Where frames enter and leave a network: a guest, a tap, the responder. A port hands bursts that came in to an <see cref="Ingress"/> on its own thread, and
/// its <see cref="Egress"/> gives it bursts for the outside in <see cref="Deliver"/>, which any data thread may call, also several at once.
/// </summary>
public abstract partial class Port : IFrameSink, IDisposable
{
    /// <summary>Most queues by which frames come in.</summary>
    public const int QueuesMax = 128;

    private readonly Ingress?[] _ingresses = new Ingress?[QueuesMax];
    private Network? _network;
    private RateLimiter? _ingressLimiter;
    private PcapFile? _capture;
    private FrameCounters _ingressCounters;
    private FrameCounters _egressCounters;

    /// <summary>Creates a port.</summary>
    /// <param name="name">Unique name, used in logs, metrics and the control API.</param>
    protected Port(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
        Egress = new Egress(this);
    }

    /// <summary>The port's name.</summary>
    public string Name { get; }

    /// <summary>What kind of port this is, as configuration spells it (<c>tap</c>, <c>vhost-user</c>, …).</summary>
    public abstract string Kind { get; }

    /// <summary>The network that the port is joined to, or null. Set by the network; may change while frames flow.</summary>
    public Network? Network
    {
        get => Volatile.Read(ref _network);
        internal set => Volatile.Write(ref _network, value);
    }

    /// <summary>Which offloads the port's outside takes unfinished; frames that need more are finished in software before they get here.</summary>
    public abstract Offloads Accepts { get; }

    /// <summary>
    /// Which offloads <see cref="Deliver"/> finishes while it copies; it is given such frames unfinished even if the outside does not take them so.
    /// </summary>
    public virtual Offloads Finishes => Offloads.None;

    /// <summary>True when the outside can take frames: a guest's driver runs, an interface is up.</summary>
    public virtual bool IsUp => !IsOut;

    /// <summary>True when what the port is given ends in a guest's buffers, and does not go on to other machines or to the host.</summary>
    public virtual bool EndsInGuest => false;

    /// <summary>Frames that came in from the outside and were given to the network.</summary>
    public ref FrameCounters IngressCounters => ref _ingressCounters;

    /// <summary>Frames that the network gave to the port for the outside.</summary>
    public ref FrameCounters EgressCounters => ref _egressCounters;

    /// <summary>Limits what comes in from the outside; null for no limit.</summary>
    public RateLimiter? IngressLimiter => Volatile.Read(ref _ingressLimiter);

    /// <summary>Limits what goes out; null for no limit.</summary>
    public RateLimiter? EgressLimiter => Egress.Limiter;

    /// <summary>How many more times a guest without buffers is looked at before frames of a sender that can't wait are dropped. Set by the network.</summary>
    public int EgressRetries
    {
        get => Egress.Retries;
        internal set => Egress.Retries = value;
    }

    /// <summary>
    /// Records the port's frames of both directions while they flow, past its limits; null to record nothing. Set by the control thread; the file stays its
    /// setter's.
    /// </summary>
    public PcapFile? Capture
    {
        get => Volatile.Read(ref _capture);
        set => Volatile.Write(ref _capture, value);
    }

    /// <summary>Sets the port's limits, also while frames flow. A sender that the old ones held back comes again at once. Control thread.</summary>
    /// <param name="ingress">Limits what comes in from the outside; null for no limit.</param>
    /// <param name="egress">Limits what goes out; null for no limit.</param>
    public void SetLimits(RateLimiter? ingress, RateLimiter? egress)
    {
        Volatile.Write(ref _ingressLimiter, ingress);
        Egress.Limiter = egress;

        // Either the sender is seen here, or it sees the new limits: see LimitWait.TryBegin.
        Interlocked.MemoryBarrier();
        foreach (Port port in Network?.Ports ?? [this])
        {
            foreach (Ingress queue in port.Ingresses)
            {
                queue.LimitWait.Wake();
            }
        }
    }

    /// <summary>Reads both directions' counters, those of the port's queues included. Any thread; a value may be a burst old.</summary>
    public virtual void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        ingress = _ingressCounters;
        egress = _egressCounters;
        foreach (Ingress? queue in _ingresses)
        {
            if (queue is not null)
            {
                ingress.Add(queue.Drops);
            }
        }
    }

    /// <inheritdoc/>
    public abstract int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter);

    /// <summary>
    /// Called on the control thread when what the other side accepts, or whether it is up, may have changed (a guest negotiated, a port joined): a port that
    /// stopped reading its outside because nobody was there starts again.
    /// </summary>
    /// <param name="accepted">The offloads that may be sent into the network without being finished in software.</param>
    public virtual void PeersAcceptChanged(Offloads accepted)
    {
    }

    /// <summary>
    /// Called on the control thread when a session begins that is not the same guest's coming back, and no other guest is there: whatever the port keeps for a
    /// guest was the last one's, and is forgotten before this one gets a frame.
    /// </summary>
    public virtual void GuestReplaced()
    {
    }

    /// <summary>How long frames from the outside wait for a guest that is gone, before they are read and thrown away. Set before <see cref="Start"/>.</summary>
    public TimeSpan HoldTime { get; protected init; } = DefaultHoldTime;

    /// <summary>The same where nothing is set: as long as a daemon or a front end takes to start again.</summary>
    public static TimeSpan DefaultHoldTime { get; } = TimeSpan.FromSeconds(1);

    /// <summary>What <see cref="HoldTime"/> is measured by.</summary>
    internal AioClock HoldClock { get; set; } = AioClock.Monotonic;

    /// <summary>
    /// A place to read frames into directly, for a network with one possible receiver: a guest's receive queue, or null when this port has none. Lets a tap
    /// read straight into guest buffers.
    /// </summary>
    public virtual RxQueue? DirectReceiver(int queue) => null;

    /// <summary>Starts taking frames from the outside. Control thread, after the port joined its network.</summary>
    public virtual void Start()
    {
    }

    /// <summary>
    /// Lets nothing come in from the outside until <see cref="LetGo"/>: what is there waits there. When this returns, no frame of the port is under way. May
    /// come before <see cref="Start"/>. Control thread; the data threads must run.
    /// </summary>
    public virtual void Hold()
    {
    }

    /// <summary>Lets frames in again after <see cref="Hold"/>. Control thread.</summary>
    public virtual void LetGo()
    {
    }

    /// <summary>
    /// What another process needs to go on with the port where this one stands. Frames that a receiver holds back are part of it only while the port is held.
    /// Control thread.
    /// </summary>
    /// <returns>The state, whose descriptors are second ones of the port's own files; null for a kind that can't be handed over.</returns>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public virtual PortState? Save() => null;

    /// <summary>Goes on where another process stood, before <see cref="Start"/>. Control thread.</summary>
    /// <param name="state">What <see cref="Save"/> said there, of a port of the same kind.</param>
    /// <exception cref="InvalidDataException">The state is not one of such a port.</exception>
    public virtual void Restore(PortState state)
    {
    }

    /// <summary>Another process goes on with the port: what names it in the file system is left alone at the end. Control thread.</summary>
    public virtual void Abandon()
    {
    }

    /// <summary>Stops and frees the port. Control thread, after it left its network.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _revival?.Delete();
        Dispose(true);
        foreach (Ingress? queue in _ingresses)
        {
            queue?.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Where frames come in by one of the port's queues. Asked for first on the control thread, before the port starts, or on that queue's data thread.
    /// </summary>
    internal Ingress Ingress(int queue) => _ingresses[queue] ?? CreateIngress(queue);

    /// <summary>All that there are so far. Any thread.</summary>
    internal IEnumerable<Ingress> Ingresses => _ingresses.Where(q => q is not null)!;

    /// <summary>Where frames leave the network by this port.</summary>
    internal Egress Egress { get; }

    /// <summary>Where the limit on what comes in is kept, for who waits for it.</summary>
    internal ref RateLimiter? IngressLimiterField => ref _ingressLimiter;

    /// <summary>See <see cref="Network.WaitForDataThreads"/>.</summary>
    internal void WaitForDataThreads()
    {
        for (int i = 0; i < QueuesMax; i++)
        {
            Volatile.Read(ref _ingresses[i])?.WaitUntilOutside();
        }
    }

    /// <summary>
    /// Hands frames that came in to the network. One thread at a time for each queue. Returns how many are done with: fewer than the burst's only when a
    /// waiter was given.
    /// </summary>
    protected int Forward(FrameBurst burst, int queue, BottomHalf? waiter) => Ingress(queue).Forward(burst, waiter);

    /// <summary>Frees the port's resources.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }

    private Ingress CreateIngress(int queue)
    {
        var created = new Ingress(this, queue);
        Volatile.Write(ref _ingresses[queue], created);
        return created;
    }
}
