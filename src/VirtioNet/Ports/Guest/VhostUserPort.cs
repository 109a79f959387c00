using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Backend;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>A guest as a port: frames that its transmit queues hold come in, frames delivered to the port go into its receive queues.</summary>
public sealed class VhostUserPort : Port
{
    private readonly VirtioNetDevice _device;
    private readonly RarpAnnouncements _announcements;
    private RxQueue[] _active = [];
    private ulong? _process;

    /// <summary>Creates the port.</summary>
    /// <param name="name">The port's name.</param>
    /// <param name="options">How the guest's card is offered.</param>
    /// <param name="threads">The threads that work on the queue pairs, which are dealt out to them in turn.</param>
    public VhostUserPort(string name, VirtioNetOptions options, IReadOnlyList<IoThread> threads)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(threads);
        if (options.QueuePairs is < 1 or > VirtioNetOptions.QueuePairsMax)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.QueuePairs, $"Port {name}: queue pairs must be 1 to {VirtioNetOptions.QueuePairsMax}.");
        }

        Options = options;
        _device = new VirtioNetDevice(this, options);
        var pairs = new QueuePair[options.QueuePairs];
        for (int i = 0; i < pairs.Length; i++)
        {
            IoThread thread = threads[i % threads.Count];
            Ingress ingress = Ingress(i);
            pairs[i] = new QueuePair(new RxQueue(i, thread, options.CacheDemotion), new TxQueue(i, name, thread, ingress.Forward, ingress.ForgetHalfSent));
        }

        Pairs = pairs;
        _announcements = new RarpAnnouncements(pairs[0].Tx.Thread.Context, burst => Forward(burst, 0, null));
    }

    /// <summary>How the card is offered.</summary>
    public VirtioNetOptions Options { get; }

    /// <summary>The device to be given to a vhost-user endpoint.</summary>
    public IVhostUserDevice Device => _device;

    /// <summary>The queue pairs.</summary>
    public IReadOnlyList<QueuePair> Pairs { get; }

    /// <summary>The features that the guest acknowledged; 0 when there is none.</summary>
    public ulong AcknowledgedFeatures => _device.Acknowledged;

    /// <summary>The guest's MTU in bytes.</summary>
    public int Mtu => _device.Mtu;

    /// <inheritdoc/>
    public override string Kind => "vhost-user";

    /// <inheritdoc/>
    public override Offloads Accepts => VirtioNetFeatures.AcceptedByDriver(_device.Acknowledged);

    /// <inheritdoc/>
    public override Offloads Finishes => Offloads.Checksum;

    /// <inheritdoc/>
    public override bool EndsInGuest => true;

    /// <inheritdoc/>
    public override bool IsUp => Volatile.Read(ref _active).Length > 0;

    /// <inheritdoc/>
    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        RxQueue[] active = Volatile.Read(ref _active);
        if (active.Length == 0)
        {
            EgressCounters.Drop(DropReason.NotRunning, frames.Length);
            return frames.Length;
        }

        return active[queue < active.Length ? queue : queue % active.Length].Deliver(burst, frames, waiter, EgressRetries);
    }

    /// <inheritdoc/>
    public override RxQueue? DirectReceiver(int queue)
    {
        RxQueue[] active = Volatile.Read(ref _active);
        return active.Length == 0 ? null : active[queue % active.Length];
    }

    /// <inheritdoc/>
    public override void PeersAcceptChanged(Offloads accepted)
    {
        foreach (QueuePair pair in Pairs)
        {
            pair.Tx.Wake();
        }
    }

    /// <inheritdoc/>
    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        foreach (QueuePair pair in Pairs)
        {
            ingress.Add(pair.Tx.Counters);
            egress.Add(pair.Rx.Counters);
        }
    }

    /// <inheritdoc/>
    public override void Hold()
    {
        foreach (QueuePair pair in Pairs)
        {
            pair.Tx.Hold();
        }
    }

    /// <inheritdoc/>
    public override void LetGo()
    {
        foreach (QueuePair pair in Pairs)
        {
            pair.Tx.LetGo();
        }
    }

    /// <inheritdoc/>
    public override PortState Save() => new() { Process = _process };

    /// <inheritdoc/>
    public override void Restore(PortState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _process = state.Process;
    }

    /// <summary>
    /// Tells the network where the guest is now (SEND_RARP): a reverse ARP request from its MAC address, as physical machines send after a move.
    /// </summary>
    /// <param name="macAddress">The address in the first six bytes, little-endian.</param>
    /// <returns>False when too many addresses wait for that.</returns>
    internal bool Announce(ulong macAddress) => _announcements.TryAdd(macAddress);

    /// <summary>
    /// A front end connected. The same guest comes back when the same process does: what its ports keep for a moment is for it. Any other process is another
    /// guest, even if it runs the same machine anew, and so is one whose number isn't known. The first one since the port was made is taken for the one before,
    /// as nothing is kept that is older than the port. Control thread.
    /// </summary>
    /// <param name="process">Its number, 0 when it is not known.</param>
    internal void GuestConnected(ulong process)
    {
        bool isSame = _process is null || (process != 0 && process == _process);
        _process = process;
        if (!isSame)
        {
            Network?.GuestReplaced(this);
        }
    }

    /// <summary>The session is over: addresses that it wanted announced are no longer here. Control thread.</summary>
    internal void GuestLeft() => _announcements.Clear();

    /// <summary>Something that the network asks the port about has changed. Control thread.</summary>
    internal void Changed()
    {
        Volatile.Write(ref _active, [.. Pairs.Where(p => p.Rx.IsUp).Select(p => p.Rx)]);
        Network?.PortChanged(this);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _announcements.Dispose();
        foreach (QueuePair pair in Pairs)
        {
            pair.Tx.Dispose();
            pair.Rx.Dispose();
        }

        base.Dispose(disposing);
    }
}
