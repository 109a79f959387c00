using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// One instance of libslirp: a TCP/IP stack that speaks to the guest by frames and to the world by ordinary sockets. What the library calls goes to an
/// <see cref="ISlirpHost"/>. One thread at a time.
/// </summary>
internal sealed unsafe partial class SlirpStack : IDisposable
{
    // SAFETY: _slirp is valid from the constructor to Dispose; _callbacks and _self outlive it, as the library keeps both.
    private readonly ISlirpHost _host;
    private readonly SlirpCb* _callbacks;
    private GCHandle _self;
    private void* _slirp;

    /// <summary>Starts an instance. Needs the library's lock, as <see cref="Dispose"/> does.</summary>
    /// <exception cref="PortException">The library is missing, refuses the options, or a host port can't be had.</exception>
    /// <param name="options">The network that the guest sees.</param>
    /// <param name="addresses">Its addresses, from the options.</param>
    /// <param name="host">What the library calls.</param>
    /// <param name="forwarder">Where guest forwards lead.</param>
    public SlirpStack(UserOptions options, SlirpAddresses addresses, ISlirpHost host, GuestForwarder forwarder)
    {
        SlirpLibrary.Require();
        _host = host;
        _self = GCHandle.Alloc(this);
        _callbacks = (SlirpCb*)NativeMemory.AllocZeroed((nuint)sizeof(SlirpCb));
        SetCallbacks(_callbacks);
        try
        {
            Create(options, addresses);
            foreach (HostForward forward in options.HostForwards)
            {
                AddForward(forward, addresses);
            }

            foreach (GuestForward forward in options.GuestForwards)
            {
                AddForward(forward, forwarder);
            }

            ThrowKept();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives the stack a frame from the guest. Needs the library's lock.</summary>
    // SAFETY: the library reads the frame during the call only.
    public void Input(ReadOnlySpan<byte> frame)
    {
        fixed (byte* p = frame)
        {
            SlirpLibrary.slirp_input(_slirp, p, frame.Length);
        }

        ThrowKept();
    }

    /// <summary>Has the stack name the descriptors that it wants watched. Needs the library's lock.</summary>
    /// <returns>Milliseconds after which it wants another round; <see cref="uint.MaxValue"/> for never.</returns>
    public uint FillPollFds()
    {
        uint timeout = uint.MaxValue;
        SlirpLibrary.slirp_pollfds_fill(_slirp, &timeout, &OnAddPoll, (void*)GCHandle.ToIntPtr(_self));
        ThrowKept();
        return timeout;
    }

    /// <summary>Has the stack work on the descriptors that are ready. Needs the library's lock.</summary>
    public void PollFds(bool failed)
    {
        SlirpLibrary.slirp_pollfds_poll(_slirp, failed ? 1 : 0, &OnGetRevents, (void*)GCHandle.ToIntPtr(_self));
        ThrowKept();
    }

    /// <summary>A timer fired. Needs the library's lock.</summary>
    public void HandleTimer(int id, nint cookie)
    {
        SlirpLibrary.slirp_handle_timer(_slirp, id, (void*)cookie);
        ThrowKept();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_slirp is not null)
        {
            SlirpLibrary.slirp_cleanup(_slirp);
            _slirp = null;
        }

        if (_self.IsAllocated)
        {
            _self.Free();
            NativeMemory.Free(_callbacks);
        }
    }

    // SAFETY: the library copies the configuration and its strings before it returns.
    private void Create(UserOptions options, SlirpAddresses addresses)
    {
        SlirpConfig config = default;
        config.version = SlirpConfig.Version;
        config.restricted = options.Restrict ? 1 : 0;
        config.in_enabled = options.IPv4 ? (byte)1 : (byte)0;
        config.vnetwork = addresses.Network;
        config.vnetmask = addresses.Mask;
        config.vhost = addresses.Host;
        config.vnameserver = addresses.Dns;
        config.vdhcp_start = addresses.DhcpStart;
        config.in6_enabled = options.IPv6 ? (byte)1 : (byte)0;
        config.vprefix_len = (byte)options.Network6.PrefixLength;
        Copy(addresses.Prefix6, config.vprefix_addr6.s6_addr32);
        Copy(addresses.Host6, config.vhost6.s6_addr32);
        Copy(addresses.Dns6, config.vnameserver6.s6_addr32);
        config.if_mtu = config.if_mru = (nuint)options.Mtu;
        config.disable_host_loopback = options.HostLoopback ? (byte)0 : (byte)1;

        nint[] strings = [.. new[] { options.Hostname, options.DomainName }.Concat(options.DnsSearch).Select(Marshal.StringToCoTaskMemUTF8)];
        nint[] search = [.. strings[2..], 0];
        try
        {
            fixed (nint* list = search)
            {
                config.vhostname = (byte*)strings[0];
                config.vdomainname = (byte*)strings[1];
                config.vdnssearch = options.DnsSearch.Count > 0 ? (byte**)list : null;
                _slirp = SlirpLibrary.slirp_new(&config, _callbacks, (void*)GCHandle.ToIntPtr(_self));
            }
        }
        finally
        {
            Array.ForEach(strings, Marshal.FreeCoTaskMem);
        }

        if (_slirp is null)
        {
            throw new PortException($"user networking: libslirp refuses these options (network {options.Network}, IPv6 network {options.Network6}, MTU {options.Mtu})");
        }
    }

    private static void Copy(IPAddress address, uint* destination) => address.TryWriteBytes(new Span<byte>(destination, 16), out _);

    private void AddForward(HostForward forward, SlirpAddresses addresses)
    {
        if (forward.Host.AddressFamily == AddressFamily.InterNetworkV6 ? addresses.IsIPv6Off : addresses.IsIPv4Off)
        {
            throw new PortOptionsException($"user networking: forward {forward} can't be used, as its IP version is switched off");
        }

        IPEndPoint guest = forward.Guest.Address.Equals(IPAddress.Any) ? new IPEndPoint(new IPAddress(addresses.DhcpStart), forward.Guest.Port) : forward.Guest;
        SocketAddress from = forward.Host.Serialize();
        SocketAddress to = guest.Serialize();

        // SAFETY: both buffers hold struct sockaddr_in or sockaddr_in6 and are pinned for the call.
        fixed (byte* haddr = from.Buffer.Span, gaddr = to.Buffer.Span)
        {
            if (SlirpLibrary.slirp_add_hostxfwd(_slirp, haddr, (uint)from.Size, gaddr, (uint)to.Size, forward.Udp ? SlirpLibrary.SLIRP_HOSTFWD_UDP : 0) < 0)
            {
                Errno why = Errno.Last;
                throw new PortException(why.Value switch
                {
                    EADDRINUSE => $"user networking: forward {forward}: the host's port {forward.Host.Port} is in use; choose another one",
                    EACCES => $"user networking: forward {forward}: ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher host port",
                    EADDRNOTAVAIL => $"user networking: forward {forward}: {forward.Host.Address} is no address of this host",
                    _ => $"user networking: forward {forward} failed: {why}",
                });
            }
        }
    }

    private void AddForward(GuestForward forward, GuestForwarder forwarder)
    {
        uint address = WireAddress.ToNetworkOrder(forward.Guest.Address);
        if (SlirpLibrary.slirp_add_unix(_slirp, forwarder.PathOf(forward), &address, forward.Guest.Port) < 0)
        {
            throw new PortOptionsException($"user networking: forward {forward} is not possible; its address must lie in the guest's network and not be the gateway's or the name server's");
        }
    }
}
