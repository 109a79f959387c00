using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// A learning switch (IEEE 802.1Q): each frame is copied once, from the sender's buffers into those of each receiver. Receivers never hold a sender up: what
/// one has no room for is dropped and counted there. Ports join, leave and change on the control thread while frames flow.
/// </summary>
public sealed partial class SwitchNetwork : Network, IDisposable
{
    /// <summary>Most ports of a switch.</summary>
    public const int PortsMax = 1024;

    private readonly SwitchMember?[] _members = new SwitchMember?[PortsMax];
    private readonly SwitchOptions _options;
    private readonly AioClock _clock;
    private readonly AioTimer? _timer;
    private readonly long _tickNs;
    private SwitchSnapshot _snapshot = new([], null);
    private SwitchMirror? _mirror;
    private Port[] _ports = [];
    private uint _tick;

    /// <summary>Creates a switch.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">What is set for it.</param>
    /// <param name="control">The control thread's loop, which ages the address table; null when the owner calls <see cref="Tick"/>.</param>
    /// <param name="clock">The clock of ageing and limits; null for the monotonic one.</param>
    public SwitchNetwork(string name, SwitchOptions? options = null, AioContext? control = null, AioClock? clock = null)
        : base(name)
    {
        _options = options ?? new SwitchOptions();
        _options.Check();
        _clock = clock ?? AioClock.Monotonic;
        Table = new SwitchMacTable(_options.MacTableCapacity, PortsMax);

        // Ages are measured in ticks, so that a frame refreshes its address once per tick and not every time.
        _tickNs = Math.Max(1, (long)_options.Ageing.TotalSeconds / AgeingTicks) * 1_000_000_000;
        if (control is not null)
        {
            _timer = control.CreateTimer(_clock, OnTimer);
            _timer.Modify(_clock.NowNs + _tickNs);
        }
    }

    /// <summary>Ticks in the ageing time, unless that is so short that a tick would be less than a second.</summary>
    private const int AgeingTicks = 30;
    private long _flooded;

    /// <inheritdoc/>
    public override string Kind => "switch";

    /// <inheritdoc/>
    public override IReadOnlyList<Port> Ports => Volatile.Read(ref _ports);

    /// <summary>What is set for the switch.</summary>
    public SwitchOptions Options => _options;

    /// <summary>The present mirror, or null. Control thread.</summary>
    public SwitchMirror? Mirror => _mirror;

    /// <summary>Time of one ageing tick.</summary>
    public TimeSpan AgeingTick => TimeSpan.FromTicks(_tickNs / 100);

    /// <summary>Frames whose source address wasn't learned because a limit was reached.</summary>
    public long AddressesRefused => Table.Refused;

    /// <summary>
    /// Frames that went to everybody in their VLAN: broadcasts, multicasts, and those to addresses that the switch does not know. Any thread.
    /// </summary>
    public long FramesFlooded => Volatile.Read(ref _flooded);

    /// <summary>Addresses known at present.</summary>
    public int AddressCount => Table.Count;

    internal SwitchMacTable Table { get; }

    // Once a burst and VLAN, by any thread: beside copying a frame to everybody an atomic addition is nothing.
    internal void CountFlooded(int frames) => Interlocked.Add(ref _flooded, frames);

    internal uint PresentTick => Volatile.Read(ref _tick);

    internal long NowNs => _clock.NowNs;

    internal SwitchSnapshot Snapshot => Volatile.Read(ref _snapshot);

    /// <inheritdoc/>
    public override void Attach(Port port) => Attach(port, new SwitchPortOptions());

    /// <summary>Joins a port with options. Control thread.</summary>
    /// <exception cref="InvalidOperationException">The switch is full, the port is joined already, or the address table has no room for its fixed
    /// addresses.</exception>
    /// <exception cref="ArgumentException">An option's value is impossible.</exception>
    public void Attach(Port port, SwitchPortOptions options)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(options);
        options.Check(port.Name);
        if (port.Network is { } network)
        {
            throw new InvalidOperationException($"Port {port.Name} is joined to network {network.Name}; it has to leave that before it joins {Name}.");
        }

        int slot = Array.IndexOf(_members, null);
        if (slot < 0)
        {
            throw new InvalidOperationException($"Switch {Name} has {PortsMax} ports, which is all that it takes; port {port.Name} can't join.");
        }

        var member = new SwitchMember(port, slot, options, _clock);
        SetStatics(member);
        _members[slot] = member;
        _ports = [.. _ports, port];
        Table.ReserveFor(_ports.Length);
        Publish();
        port.Network = this;
        TellPeers();
    }

    /// <summary>Gives a port other options; frames that are on their way go by the old ones. Control thread.</summary>
    /// <exception cref="ArgumentException">An option's value is impossible, or the port isn't joined to this switch.</exception>
    public void Configure(Port port, SwitchPortOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        SwitchMember member = Find(port);
        options.Check(port.Name);
        SwitchPortOptions before = member.Options;
        member.Configure(options, _clock);

        // What was learned under other rules may no longer be so.
        Table.Flush(member.Slot, statics: true);
        try
        {
            SetStatics(member);
        }
        catch (InvalidOperationException)
        {
            member.Configure(before, _clock);
            SetStatics(member);
            throw;
        }
        finally
        {
            Publish();
        }
    }

    /// <summary>The options of a port. Control thread.</summary>
    public SwitchPortOptions OptionsOf(Port port) => Find(port).Options;

    /// <summary>Sets or ends the mirror. Control thread.</summary>
    public void SetMirror(SwitchMirror? mirror)
    {
        if (mirror is not null)
        {
            Table.Flush(Find(mirror.Target).Slot, statics: false);
        }

        _mirror = mirror;
        Publish();
        TellPeers();
    }

    /// <inheritdoc/>
    public override void Detach(Port port)
    {
        SwitchMember member = Find(port);
        Port[] before = _ports;
        if (_mirror?.Target == port)
        {
            _mirror = null;
        }

        _members[member.Slot] = null;
        port.Network = null;
        port.EgressRetries = 0;
        _ports = [.. before.Where(p => p != port)];
        Publish();

        // Addresses go only now: a thread that was inside may have learned one a moment ago, and the number is free for another port from here on.
        WaitForDataThreads(before);
        Table.Flush(member.Slot, statics: true);
        Table.ReserveFor(_ports.Length);
        ForgetPairs(port, member.Slot);
        TellPeers();
    }

    /// <inheritdoc/>
    public override void PortChanged(Port port)
    {
        SwitchMember member = Find(port);
        if (!port.IsUp && Table.CountOf(member.Slot) > 0)
        {
            Table.Flush(member.Slot, statics: false);
        }

        // A guest can have this called with each of its messages, so a new snapshot is made for a change only.
        if (_snapshot.Views[member.Slot] is not { } view || !view.IsOf(port))
        {
            Publish();
        }

        TellPeers();
    }

    /// <inheritdoc/>
    public override void GuestReplaced(Port port)
    {
        // While another guest is there, what the ports keep is also for that one.
        if (!_ports.Any(p => p != port && p is { EndsInGuest: true, IsUp: true }))
        {
            foreach (Port other in _ports)
            {
                if (other != port)
                {
                    other.GuestReplaced();
                }
            }
        }
    }

    /// <summary>Forgets every learned address. Control thread.</summary>
    public void FlushAddresses() => Table.FlushLearned();

    /// <summary>The addresses that the switch knows. Any thread.</summary>
    public IReadOnlyList<SwitchMacEntry> ListAddresses()
    {
        SwitchSnapshot snapshot = Snapshot;
        return Table.List(PresentTick, slot => slot < snapshot.Views.Length ? snapshot.Views[slot]?.Port.Name : null);
    }

    /// <summary>
    /// Takes over addresses that another process learned, with their age; one whose port is not there, is fixed or finds no room is left out. Control thread,
    /// before frames flow.
    /// </summary>
    public void RestoreAddresses(IEnumerable<SwitchMacEntry> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        foreach (SwitchMacEntry entry in addresses)
        {
            SwitchMember? member = Array.Find(_members, m => m?.Port.Name == entry.Port);
            if (member is not null && !entry.IsStatic && entry.Vlan is >= 0 and < 4096 && entry.Age is >= 0 and <= AgeingTicks && !entry.Address.IsMulticast)
            {
                Table.Learn(entry.Vlan, entry.Address.Value, member.Slot, PresentTick - (uint)entry.Age, member.Options.MacLimit);
            }
        }
    }

    /// <summary>What went from one port to another. Any thread; a value may be a burst old.</summary>
    public SwitchPairCounters ReadPair(Port from, Port to) => Find(from).ReadPair(Find(to).Slot);

    /// <summary>Lets one ageing tick pass: forgets addresses that were not seen for the ageing time. Control thread.</summary>
    public void Tick()
    {
        uint now = _tick + 1;
        Volatile.Write(ref _tick, now);
        Table.Age(now - (uint)Math.Max(1, (long)_options.Ageing.TotalSeconds * 1_000_000_000 / _tickNs));
    }

    /// <summary>Frees the switch, from which all ports were detached. Control thread.</summary>
    public void Dispose()
    {
        foreach (Port port in _ports)
        {
            Detach(port);
        }

        _timer?.Delete();
        Table.Dispose();
    }

    private void OnTimer()
    {
        Tick();
        _timer!.Modify(_clock.NowNs + _tickNs);
    }

    private SwitchMember Find(Port port)
    {
        ArgumentNullException.ThrowIfNull(port);
        return Array.Find(_members, m => m?.Port == port)
            ?? throw new ArgumentException($"Port {port.Name} is not joined to switch {Name}; its ports are: {string.Join(", ", _ports.Select(p => p.Name))}.", nameof(port));
    }

    private void SetStatics(SwitchMember member)
    {
        foreach ((ushort vlan, MacAddress address) in member.Options.StaticMacs)
        {
            if (!Table.SetStatic(vlan, address.Value, member.Slot))
            {
                Table.Flush(member.Slot, statics: true);
                throw new InvalidOperationException(
                    $"Switch {Name} has no room for fixed address {address} of port {member.Port.Name}: its table holds {Table.Count} of {_options.MacTableCapacity}; raise the capacity.");
            }
        }
    }

    private void Publish() => Volatile.Write(ref _snapshot, new SwitchSnapshot([.. _members.OfType<SwitchMember>()], _mirror));

    /// <summary>
    /// A port may leave undone what any other one takes undone: for the rest the switch finishes it. Only where nobody takes it the port had better do it
    /// itself.
    /// </summary>
    private void TellPeers()
    {
        // For each port those before it and those behind it, since every pair would be too much for what a guest can bring about with each of its messages.
        Port[] ports = _ports;
        Offloads[] own = [.. ports.Select(p => p.Accepts)];
        Offloads[] behind = new Offloads[ports.Length + 1];
        for (int i = ports.Length - 1; i >= 0; i--)
        {
            behind[i] = behind[i + 1] | own[i];
        }

        Offloads before = Offloads.None;
        for (int i = 0; i < ports.Length; i++)
        {
            ports[i].PeersAcceptChanged(before | behind[i + 1]);
            before |= own[i];
        }
    }

    /// <summary>
    /// Drops what queues keep for a port that left: its own queues all of it, the others the counters of the pair, since the number is given away again.
    /// </summary>
    private void ForgetPairs(Port left, int slot)
    {
        foreach (Ingress queue in left.Ingresses)
        {
            (queue.NetworkState as IDisposable)?.Dispose();
            queue.NetworkState = null;
        }

        foreach (Port port in _ports)
        {
            foreach (Ingress queue in port.Ingresses)
            {
                (queue.NetworkState as SwitchSource)?.ForgetPair(slot);
            }
        }
    }
}
