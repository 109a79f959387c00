using System.Globalization;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>An open tap interface: its queues' descriptors and the settings that concern all of them. Control thread.</summary>
internal sealed class TapInterface : IDisposable
{
    private const string CloneDevice = "/dev/net/tun";
    private const int QueuesMax = Port.QueuesMax;

    private readonly FileDescriptor[] _queues;
    private readonly FileDescriptor _socket;
    private readonly bool _uso;
    private uint _offloads = uint.MaxValue;

    private TapInterface(string name, FileDescriptor[] queues, FileDescriptor socket, bool hasHeader, bool isOurs, bool hasUso)
    {
        Name = name;
        IsOurs = isOurs;
        _queues = queues;
        _socket = socket;
        HasHeader = hasHeader;
        _uso = hasUso;
    }

    /// <summary>Name of the interface.</summary>
    public string Name { get; private set; }

    /// <summary>Its index.</summary>
    public int Index { get; private set; }

    /// <summary>Index of the bridge that it joined, or 0.</summary>
    public int BridgeIndex { get; private set; }

    /// <summary>True when there was no interface of its name before, so that it goes with the port.</summary>
    public bool IsOurs { get; }

    /// <summary>The queues, in order.</summary>
    public IReadOnlyList<FileDescriptor> Queues => _queues;

    /// <summary>True when frames carry a 12-byte virtio_net_hdr.</summary>
    public bool HasHeader { get; }

    /// <summary>What the kernel takes unfinished on the way out to the interface.</summary>
    public Offloads Accepts => !HasHeader
        ? Offloads.None
        : _uso ? Offloads.All : Offloads.All & ~(Offloads.Uso4 | Offloads.Uso6);

    /// <summary>The interface's MTU in bytes.</summary>
    public int Mtu
    {
        get
        {
            var request = ifreq.ForName(Name);
            return ioctl(_socket.Value, SIOCGIFMTU, ref request) == 0 ? request.ifr_mtu : 1500;
        }
    }

    /// <summary>Opens or creates the interface and sets it up.</summary>
    /// <exception cref="PortException">It can't be had; the message says why and what would help.</exception>
    public static TapInterface Open(TapOptions options)
    {
        if (options.Queues is < 1 or > QueuesMax)
        {
            throw new PortOptionsException($"tap {options.Name}: {options.Queues} queues were asked for; 1 to {QueuesMax} are possible");
        }

        var queues = new List<FileDescriptor>();
        FileDescriptor? socketFd = null;
        try
        {
            socketFd = FileDescriptor.FromResult(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket(AF_INET, SOCK_DGRAM)");
            bool isOurs = options.Descriptors.Count == 0 && if_nametoindex(options.Name) == 0;
            string name = options.Descriptors.Count > 0 ? Adopt(options, queues) : Attach(options, queues);
            bool header = Prepare(name, queues);
            bool uso = header && ioctl(queues[0].Value, TUNSETOFFLOAD, (nint)(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6)) == 0;
            var tap = new TapInterface(name, [.. queues], socketFd, header, isOurs, uso);
            tap.SetUp(options);
            return tap;
        }
        catch (Exception e)
        {
            queues.ForEach(q => q.Dispose());
            socketFd?.Dispose();
            if (e is ErrnoException or ArgumentException)
            {
                throw new PortException($"tap {options.Name}: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>
    /// Goes on with the queues of a tap that another process set up and still uses: nothing of the interface is changed here.
    /// </summary>
    /// <param name="name">What the options call it.</param>
    /// <param name="state">The queues, whose descriptors are taken over, and what that process knew.</param>
    /// <exception cref="InvalidDataException">They are no queues of one tap.</exception>
    public static TapInterface Inherit(string name, PortState state)
    {
        FileDescriptor[] queues = [.. state.Descriptors];
        ifreq request = default;
        if (queues.Length is 0 or > QueuesMax || queues.Any(q => ioctl(q.Value, TUNGETIFF, ref request) < 0 || (request.ifr_flags & IFF_TAP) == 0))
        {
            throw new InvalidDataException($"tap {name}: what was handed over is not 1 to {QueuesMax} queues of a tap");
        }

        var socketFd = FileDescriptor.FromResult(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket(AF_INET, SOCK_DGRAM)");
        bool header = (request.ifr_flags & IFF_VNET_HDR) != 0;
        return new TapInterface(request.Name, queues, socketFd, header, state.IsOurs, header && state.HasUso)
        {
            Index = state.InterfaceIndex,
            BridgeIndex = state.BridgeIndex,
        };
    }

    /// <summary>What another process needs to go on with the interface.</summary>
    public PortState Save(IEnumerable<HeldFrame> held) => new()
    {
        Descriptors = [.. _queues.Select(q => q.Duplicate())],
        Held = [.. held],
        InterfaceIndex = Index,
        BridgeIndex = BridgeIndex,
        IsOurs = IsOurs,
        HasUso = _uso,
    };

    /// <summary>Tells the kernel which offloads it may leave to us on frames that come in.</summary>
    public void SetOffloads(Offloads accepted)
    {
        uint flags = 0;
        if (HasHeader && accepted.HasFlag(Offloads.Checksum))
        {
            flags = TUN_F_CSUM;
            flags |= accepted.HasFlag(Offloads.Tso4) ? TUN_F_TSO4 : 0;
            flags |= accepted.HasFlag(Offloads.Tso6) ? TUN_F_TSO6 : 0;
            flags |= accepted.HasFlag(Offloads.Ecn) && (flags & (TUN_F_TSO4 | TUN_F_TSO6)) != 0 ? TUN_F_TSO_ECN : 0;

            // The kernel has one switch for both, so that it takes them together only.
            flags |= _uso && accepted.HasFlag(Offloads.Uso4 | Offloads.Uso6) ? TUN_F_USO4 | TUN_F_USO6 : 0;
        }

        if (flags != _offloads && ioctl(_queues[0].Value, TUNSETOFFLOAD, (nint)flags) == 0)
        {
            _offloads = flags;
        }
    }

    /// <summary>The interface was given another name.</summary>
    public void Rename(string name) => Name = name;

    /// <summary>Takes over an interface that was made anew; its queues are in the place of the old ones already.</summary>
    public void TakeOver(TapInterface fresh)
    {
        Name = fresh.Name;
        Index = fresh.Index;
        BridgeIndex = fresh.BridgeIndex;
        _offloads = fresh._offloads;
    }

    /// <summary>True when the interface is up.</summary>
    public bool IsUp
    {
        get
        {
            var request = ifreq.ForName(Name);
            return ioctl(_socket.Value, SIOCGIFFLAGS, ref request) == 0 && (request.ifr_flags & IFF_UP) != 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FileDescriptor queue in _queues)
        {
            queue.Dispose();
        }

        _socket.Dispose();
    }

    private static string Attach(TapOptions options, List<FileDescriptor> queues)
    {
        string name = options.Name;
        int flags = IFF_TAP | IFF_NO_PI | (options.Offloads ? IFF_VNET_HDR : 0) | (options.Queues > 1 ? IFF_MULTI_QUEUE : 0);
        for (int i = 0; i < options.Queues; i++)
        {
            var queue = new FileDescriptor(open(CloneDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
            if (queue.IsInvalid)
            {
                Errno why = Errno.Last;
                throw new PortException(why.Value is ENOENT or ENODEV or ENXIO
                    ? $"tap {name}: {CloneDevice} is missing; load the kernel's tun module (modprobe tun), or give the container that device"
                    : $"tap {name}: {CloneDevice} can't be opened: {why}");
            }

            queues.Add(queue);
            var request = ifreq.ForName(name);
            request.ifr_flags = (short)flags;
            int result = ioctl(queue.Value, TUNSETIFF, ref request);
            if (result < 0 && errno == EINVAL && options.Queues == 1)
            {
                // An existing tap that was made for several queues can be used with one as well.
                request = ifreq.ForName(name);
                request.ifr_flags = (short)(flags | IFF_MULTI_QUEUE);
                result = ioctl(queue.Value, TUNSETIFF, ref request);
            }

            if (result < 0)
            {
                throw Refused(name, options.Queues, Errno.Last);
            }

            name = request.Name;
        }

        return name;
    }

    private static PortException Refused(string name, int queues, Errno why) => why.Value switch
    {
        EPERM or EACCES => new PortException(
            $"tap {name}: permission denied. The daemon needs CAP_NET_ADMIN, or a tap made for its user beforehand: " +
            $"ip tuntap add dev {name} mode tap user {geteuid()} vnet_hdr{(queues > 1 ? " multi_queue" : string.Empty)}"),
        EBUSY => new PortException($"tap {name}: it is in use by another program; end that program or choose another name"),
        EINVAL when queues > 1 => new PortException(
            $"tap {name}: an interface of that name exists, but it is not a tap made for several queues; make it with " +
            $"'ip tuntap add dev {name} mode tap multi_queue vnet_hdr', ask for one queue, or choose another name"),
        EINVAL => new PortException($"tap {name}: an interface of that name exists and is not a tap; choose another name"),
        E2BIG => new PortException($"tap {name}: {queues} queues are more than the kernel gives one tap"),
        _ => new PortException($"tap {name}: TUNSETIFF failed: {why}"),
    };

    private static string Adopt(TapOptions options, List<FileDescriptor> queues)
    {
        string? name = null;
        foreach (int number in options.Descriptors)
        {
            var queue = new FileDescriptor(number);
            queues.Add(queue);
            ifreq request = default;
            if (ioctl(number, TUNGETIFF, ref request) < 0)
            {
                throw new PortException($"tap: descriptor {number} is not an attached tap ({Errno.Last}); hand over one that TUNSETIFF was done on");
            }

            if ((request.ifr_flags & IFF_TAP) == 0)
            {
                throw new PortException($"tap: descriptor {number} belongs to {request.Name}, which carries IP packets (tun); a tap is needed");
            }

            if (name is not null && name != request.Name)
            {
                throw new PortException($"tap: descriptor {number} belongs to {request.Name} and an earlier one to {name}; all must be queues of one tap");
            }

            name = request.Name;
            int flags = fcntl(number, F_GETFL);
            if (flags < 0 || fcntl(number, F_SETFL, flags | O_NONBLOCK) < 0)
            {
                Errno.Last.Throw($"fcntl({number}, F_SETFL, O_NONBLOCK)");
            }
        }

        return name!;
    }

    /// <summary>Finds out whether frames carry a header, and sets its size and byte order, which is ours.</summary>
    private static bool Prepare(string name, List<FileDescriptor> queues)
    {
        ifreq request = default;
        if (ioctl(queues[0].Value, TUNGETIFF, ref request) < 0)
        {
            Errno.Last.Throw($"TUNGETIFF of {name}");
        }

        if ((request.ifr_flags & IFF_NO_PI) == 0)
        {
            throw new PortException($"tap {name}: it was opened with packet information before each frame; open it with IFF_NO_PI");
        }

        if ((request.ifr_flags & IFF_VNET_HDR) == 0)
        {
            return false;
        }

        foreach (FileDescriptor queue in queues)
        {
            int size = VirtioNetHeader.Size;
            if (ioctl(queue.Value, TUNSETVNETHDRSZ, ref size) < 0)
            {
                Errno.Last.Throw($"TUNSETVNETHDRSZ({size}) of {name}");
            }
        }

        // A program before us may have left a tap in a big-endian guest's order, which then is the interface's. EINVAL: a kernel without that order.
        int bigEndian = 0;
        if (ioctl(queues[0].Value, TUNSETVNETBE, ref bigEndian) < 0 && errno != EINVAL)
        {
            Errno.Last.Throw($"TUNSETVNETBE(0) of {name}");
        }

        return true;
    }

    private void SetUp(TapOptions options)
    {
        SetOffloads(Offloads.None);
        Index = IndexOf(Name);
        if (options.SendBuffer > 0)
        {
            foreach (FileDescriptor queue in _queues)
            {
                int size = options.SendBuffer;
                Check(ioctl(queue.Value, TUNSETSNDBUF, ref size), $"the send buffer of {size} bytes");
            }
        }

        if (options.Owner is { } owner)
        {
            Check(ioctl(_queues[0].Value, TUNSETOWNER, (nint)owner), $"the owner {owner}");
        }

        if (options.Group is { } group)
        {
            Check(ioctl(_queues[0].Value, TUNSETGROUP, (nint)group), $"the group {group}");
        }

        if (options.Mtu > 0 && options.Mtu != Mtu)
        {
            var request = ifreq.ForName(Name);
            request.ifr_mtu = options.Mtu;
            Check(ioctl(_socket.Value, SIOCSIFMTU, ref request), string.Create(CultureInfo.InvariantCulture, $"the MTU of {options.Mtu} bytes"));
        }

        if (options.Bridge is not null)
        {
            JoinBridge(options.Bridge);
        }

        if (options.BringUp && !IsUp)
        {
            var request = ifreq.ForName(Name);
            Check(ioctl(_socket.Value, SIOCGIFFLAGS, ref request), "its flags");
            request.ifr_flags |= IFF_UP;
            Check(ioctl(_socket.Value, SIOCSIFFLAGS, ref request), "the state up");
        }
    }

    private int IndexOf(string name)
    {
        var request = ifreq.ForName(name);
        return ioctl(_socket.Value, SIOCGIFINDEX, ref request) == 0 ? request.ifr_ifindex : 0;
    }

    /// <summary>Joins a bridge, or stays in it.</summary>
    /// <exception cref="PortException">That can't be; the message says why and what would help.</exception>
    public void JoinBridge(string bridge)
    {
        BridgeIndex = IndexOf(bridge);
        var request = ifreq.ForName(bridge);
        request.ifr_ifindex = Index;
        if (ioctl(_socket.Value, SIOCBRADDIF, ref request) == 0)
        {
            return;
        }

        Errno why = Errno.Last;
        BridgeIndex = why.Value == EBUSY ? BridgeIndex : 0;
        if (why.Value == EBUSY && File.Exists($"/sys/class/net/{bridge}/brif/{Name}/state"))
        {
            return;
        }

        throw new PortException(why.Value switch
        {
            ENODEV => $"tap {Name}: there is no bridge {bridge}; make it with 'ip link add {bridge} type bridge' and 'ip link set {bridge} up'",
            EOPNOTSUPP or EINVAL => $"tap {Name}: {bridge} is not a bridge; name a Linux bridge, or leave bridge= out",
            EBUSY => $"tap {Name}: it belongs to another bridge already; remove it there ('ip link set {Name} nomaster') or leave bridge= out",
            EPERM => $"tap {Name}: joining bridge {bridge} needs CAP_NET_ADMIN; let the administrator do it ('ip link set {Name} master {bridge}')",
            _ => $"tap {Name}: joining bridge {bridge} failed: {why}",
        });
    }

    private void Check(int result, string what)
    {
        if (result < 0)
        {
            Errno why = Errno.Last;
            throw new PortException(why.Value == EPERM
                ? $"tap {Name}: setting {what} needs CAP_NET_ADMIN; let the administrator set it beforehand ('ip link set {Name} ...')"
                : $"tap {Name}: setting {what} failed: {why}");
        }
    }
}
