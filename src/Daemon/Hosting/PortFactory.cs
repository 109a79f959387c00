using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Configuration.Ports;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.AfPacket;
using VhostNet.VirtioNet.Ports.Datagram;
using VhostNet.VirtioNet.Ports.Generator;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Ports.Links;
using VhostNet.VirtioNet.Ports.Null;
using VhostNet.VirtioNet.Ports.Pcap;
using VhostNet.VirtioNet.Ports.Responder;
using VhostNet.VirtioNet.Ports.Stream;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Daemon.Hosting;

/// <summary>
/// Makes ports and their endpoints from their options: the one place that knows their classes. A test may put a port of its own in place of one. Control
/// thread.
/// </summary>
internal class PortFactory(AioContext control, SocketActivation activation, ISessionLog log, string? stateDirectory) : IDisposable
{
    private LinkWatcher? _links;
    private bool _isWithoutLinks;

    /// <summary>What another process hands over of a port, by its name; null when none does. Whoever makes the port takes it.</summary>
    public Func<string, PortState?>? Inherited { get; set; }

    /// <summary>Ends what all ports had in common.</summary>
    public void Dispose()
    {
        _links?.Dispose();
        _links = null;
    }

    /// <summary>Makes a port, which does nothing until it is started.</summary>
    /// <param name="options">How it is asked for.</param>
    /// <param name="threads">The threads that its queues are dealt out to, at least one.</param>
    public virtual Port Create(PortOptions options, IReadOnlyList<IoThread> threads)
    {
        string name = options.Name;
        AioContext first = threads[0].Context;
        return options.KindOptions switch
        {
            null when options.IsVhostUser => CreateVhostUser(options, threads),
            UserOptions user => new UserPort(name, user with { Mtu = options.Mtu ?? user.Mtu }, first),
            TapPortOptions tap => CreateTap(options, tap, threads),
            DatagramOptions datagram => new DatagramPort(name, datagram, first, Inherited?.Invoke(name)),
            StreamOptions stream => new StreamPort(name, stream, first, control),
            AfPacketOptions packet => new AfPacketPort(
                name, packet with { Queues = options.QueuePairs }, Contexts(threads), FindLinks(), control, Inherited?.Invoke(name)),
            ResponderOptions responder => new ResponderPort(name, responder with { Mtu = options.Mtu ?? 0 }, first),
            PcapOptions pcap => new PcapPort(name, pcap, first),
            NullPortOptions => new NullPort(name),
            GeneratorOptions generator => new GeneratorPort(name, generator, first),
            _ => throw new UnreachableException($"kind {options.Kind} of port {name} has no class"),
        };
    }

    /// <summary>Makes the endpoint through which a guest's front end reaches its port; it does nothing until it is started.</summary>
    public VhostUserEndpoint CreateEndpoint(PortOptions options, VhostUserPort port)
    {
        SocketOptions socket = options.Socket!;
        InheritedSocket? taken = Inherited is null ? null : activation.Take(options.Name, socket.Path);
        FileDescriptor? inherited = taken?.Descriptor ?? FindInherited(options, socket);
        return VhostUserEndpoint.Create(control, port.Device, new VhostUserEndpointOptions
        {
            Name = options.Name,
            Mode = socket.IsClient ? EndpointMode.Client : EndpointMode.Server,
            Path = inherited is null ? socket.Path : null,
            Descriptor = inherited,
            BoundPath = taken is { IsOurs: true } ? socket.Path : null,
            SocketMode = socket.Mode,
            SocketOwner = Accounts.User(socket.Owner, $"{options.Path}.socket.owner"),
            SocketGroup = Accounts.Group(socket.Group, $"{options.Path}.socket.group"),
            OfferedFeatures = stateDirectory is null ? null : new OfferedFeatureStore(Path.Combine(stateDirectory, $"{options.Name}.features")),
            Session = new SessionOptions { SealPolicy = options.Seal, Log = log, Quotas = options.Quotas },
        });
    }

    private LinkWatcher? FindLinks()
    {
        if (_links is null && !_isWithoutLinks)
        {
            try
            {
                _links = new LinkWatcher(control);
            }
            catch (ErrnoException e)
            {
                _isWithoutLinks = true;
                log.Write(
                    SessionLogLevel.Warning,
                    "interfaces",
                    $"they can't be watched ({e.Message}), so that a port does not come back when its interface or bridge is made anew; " +
                        "RestrictAddressFamilies= needs AF_NETLINK");
            }
        }

        return _links;
    }

    private FileDescriptor? FindInherited(PortOptions options, SocketOptions socket)
    {
        if (socket.IsClient)
        {
            return null;
        }

        if (socket.Fd is { } fd)
        {
            var descriptor = new FileDescriptor(fd);
            if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            {
                return descriptor;
            }

            descriptor.Release();
            throw new RefusalException(
                RefusalKind.Wrong,
                $"{StartupFailures.NameOfFd(options, fd)}: descriptor {fd} is not open; whoever starts this has to pass the socket on under that number, " +
                "or name a path");
        }

        return activation.Take(options.Name, socket.Path)?.Descriptor;
    }

    private static AioContext[] Contexts(IReadOnlyList<IoThread> threads) => [.. threads.Select(t => t.Context)];

    private TapPort CreateTap(PortOptions options, TapPortOptions tap, IReadOnlyList<IoThread> threads)
    {
        TapOptions place = tap.Interface with
        {
            Queues = options.QueuePairs,
            Mtu = options.Mtu ?? 0,
            Owner = Accounts.User(tap.Owner, $"{options.Path}.owner"),
            Group = Accounts.Group(tap.Group, $"{options.Path}.group"),
        };
        return new TapPort(options.Name, place, Contexts(threads), FindLinks(), control, Inherited?.Invoke(options.Name));
    }

    private static VhostUserPort CreateVhostUser(PortOptions options, IReadOnlyList<IoThread> threads)
    {
        ulong disabled = 0;
        ulong requested = 0;
        foreach ((string name, bool on) in options.Features)
        {
            ulong mask = VirtioNetFeatures.ByName[name];
            disabled |= on ? 0 : mask;
            requested |= on ? mask : 0;
        }

        return new VhostUserPort(
            options.Name,
            new VirtioNetOptions
            {
                QueuePairs = options.QueuePairs,
                DisabledFeatures = disabled,
                RequestedFeatures = requested,
                Mtu = options.Mtu,
                CacheDemotion = options.CacheDemotion,
            },
            threads);
    }
}
