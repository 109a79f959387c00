using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Links;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>
/// A Linux tap interface as a port: the host, or a bridge, is at its other side. Frames go by one system call each between the guest's own buffers and the
/// kernel, with their offloads, by as many queues as the tap has.
/// </summary>
public sealed partial class TapPort : Port
{
    private readonly TapInterface _interface;
    private readonly TapQueue[] _queues;
    private volatile int _frameSizeMax;
    private bool _isDormant;

    /// <summary>Opens or creates the interface.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">Which interface, and how.</param>
    /// <param name="contexts">Where its queues are read, dealt out in turn; polled until the port is disposed.</param>
    /// <param name="links">Tells when the interface, or its bridge, goes and comes back; null to do without. Then the port is made on the thread of its
    /// context.</param>
    /// <param name="control">The context of <paramref name="links"/>.</param>
    /// <exception cref="PortException">The interface can't be had; the message says why and what would help.</exception>
    /// <param name="inherited">
    /// The interface as another process handed it over: it is not opened, and not touched before <see cref="Start"/>; null to open it.
    /// </param>
    /// <exception cref="InvalidDataException">What was handed over is no tap.</exception>
    public TapPort(
        string name, TapOptions options, IReadOnlyList<AioContext> contexts, LinkWatcher? links = null, AioContext? control = null,
        PortState? inherited = null)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(contexts);
        ArgumentOutOfRangeException.ThrowIfZero(contexts.Count);
        using FaultScope scope = FaultScope.Enter(this);
        Options = options;
        HoldTime = options.Hold;
        _interface = inherited is null ? TapInterface.Open(options) : TapInterface.Inherit(options.Name, inherited);
        _isDormant = inherited is not null;
        _frameSizeMax = TapBuffers.FrameMax;
        _queues = new TapQueue[_interface.Queues.Count];
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new TapQueue(this, i, _interface.Queues[i].Value, _interface.HasHeader, contexts[i % contexts.Count]);
        }

        if (inherited is not null)
        {
            Restore(inherited);
        }

        ControlContext = control;
        if (links is not null && control is not null)
        {
            _follower = new LinkFollower(this, links, control, Concerns, () => Look(links));
        }
    }

    /// <summary>What the port was made from.</summary>
    public TapOptions Options { get; }

    /// <summary>The interface's name, as the kernel gave it.</summary>
    public string InterfaceName => _interface.Name;

    /// <summary>Number of queues.</summary>
    public int QueueCount => _queues.Length;

    /// <summary>The interface's MTU in bytes, as it is now.</summary>
    public int Mtu => _interface.Mtu;

    /// <inheritdoc/>
    public override string Kind => "tap";

    /// <inheritdoc/>
    public override Offloads Accepts => _interface.Accepts;

    /// <summary>Longest frame that the interface may send, in bytes.</summary>
    internal int FrameSizeMax => _frameSizeMax;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        return _queues[queue < _queues.Length ? queue : queue % _queues.Length].Deliver(burst, frames, waiter);
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted)
    {
        _accepted = accepted;
        if (_isDormant)
        {
            // Another process uses the interface still, and it is as that one's guests want it.
            return;
        }

        _interface.SetOffloads(accepted);
        _frameSizeMax = FrameSizeFor(accepted);
        foreach (TapQueue queue in _queues)
        {
            queue.Wake();
        }
    }

    // Without segmentation offload the interface sends no more than its MTU, an Ethernet header and a tag.
    private int FrameSizeFor(Offloads accepted) =>
        (accepted & (Offloads.Tso4 | Offloads.Tso6 | Offloads.Uso4 | Offloads.Uso6)) != 0 ? TapBuffers.FrameMax : _interface.Mtu + 18;

    /// <inheritdoc/>
    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        foreach (TapQueue queue in _queues)
        {
            ingress.Add(queue.IngressCounters);
            egress.Add(queue.EgressCounters);
        }
    }

    /// <inheritdoc/>
    public override void GuestReplaced() => _queues.Flush();

    /// <inheritdoc/>
    public override void Hold() => _queues.Hold();

    /// <inheritdoc/>
    public override void LetGo() => _queues.LetGo();

    /// <inheritdoc/>
    public override PortState Save() => _interface.Save(_queues.SelectMany(q => q.HeldFrames));

    /// <inheritdoc/>
    public override void Restore(PortState state) => _queues.Restore(state);

    /// <inheritdoc/>
    public override void Start()
    {
        if (_isDormant)
        {
            _isDormant = false;
            PeersAcceptChanged(_accepted);
        }

        foreach (TapQueue queue in _queues)
        {
            queue.Wake(start: true);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _follower?.Dispose();
            foreach (TapQueue queue in _queues)
            {
                queue.Dispose();
            }

            _interface.Dispose();
        }

        base.Dispose(disposing);
    }
}
