using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Api;

/// <summary>
/// The sockets of the control API and of the Prometheus endpoint. They are bound here rather than by Kestrel, so that owner, mode, stale and live sockets are
/// treated like those of the guests.
/// </summary>
internal sealed class HttpListeners : IListeningSockets, IDisposable
{
    private const int Backlog = 128;

    private readonly List<(ListeningSocket Socket, UnixListener Listener)> _open = [];
    private readonly List<(ulong Handle, bool MetricsOnly)> _handles = [];
    private readonly ConnectionGate _gate = new(DescriptorReserve.HasRoom);

    /// <summary>Whether there is anything to serve.</summary>
    public bool Any => _handles.Count > 0;

    /// <summary>Whether names in the file system are left alone at the end: another process uses the sockets, or still does.</summary>
    public bool KeepsNames { get; set; }

    /// <inheritdoc/>
    public IEnumerable<ListeningSocket> Listening => _open.Select(o => o.Socket);

    /// <inheritdoc/>
    public void Abandon() => KeepsNames = true;

    /// <summary>Binds what is configured, or takes it from the service manager.</summary>
    /// <exception cref="RefusalException">A socket can't be had.</exception>
    public void Open(DaemonOptions options, SocketActivation activation)
    {
        if (activation.Take("control", options.Control?.Path) is { } control)
        {
            Add("control", control, metricsOnly: false);
        }
        else if (options.Control is { } listen)
        {
            Bind("control", "control", listen, metricsOnly: false);
        }

        if (activation.Take("metrics", options.Metrics.Prometheus?.ToString()) is { } metrics)
        {
            Add("metrics", metrics, metricsOnly: true);
        }
        else if (options.Metrics.Prometheus is { Path: not null } prometheus)
        {
            Bind("metrics", "metrics.prometheus", prometheus, metricsOnly: true);
        }
        else if (options.Metrics.Prometheus is { Address: { } address })
        {
            Bind(address);
        }
    }

    /// <summary>Has Kestrel serve the sockets.</summary>
    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = ConnectionGate.ConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = 64 * 1024;
        foreach ((ulong handle, bool metricsOnly) in _handles)
        {
            kestrel.ListenHandle(handle, endpoint => Configure(endpoint, metricsOnly));
        }

    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, UnixListener listener) in _open)
        {
            if (KeepsNames)
            {
                listener.Abandon();
            }

            listener.Dispose();
        }

        _open.Clear();
    }

    private void Configure(Microsoft.AspNetCore.Server.Kestrel.Core.ListenOptions endpoint, bool metricsOnly)
    {
        endpoint.Protocols = HttpProtocols.Http1;
        endpoint.Use(next => connection => _gate.PassAsync(connection, next));
        if (metricsOnly)
        {
            endpoint.Use(next => connection =>
            {
                connection.Features.Set(MetricsOnly.Instance);
                return next(connection);
            });
        }
    }

    private void Bind(string name, string path, HttpListenOptions options, bool metricsOnly)
    {
        try
        {
            var listener = UnixListener.Bind(
                options.Path!, options.Mode, Accounts.User(options.Owner, $"{path}.owner"), Accounts.Group(options.Group, $"{path}.group"));
            Add(new ListeningSocket(name, options.Path, listener.Socket, IsOurs: true), listener, metricsOnly);
        }
        catch (IOException e)
        {
            throw StartupFailures.ExplainSocket(path, options.Path!, e);
        }
    }

    // Here rather than by Kestrel, so that the socket can be handed over.
    private void Bind(IPEndPoint address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen(Backlog);
        }
        catch (SocketException e)
        {
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new RefusalException(
                    RefusalKind.InUse, $"metrics.prometheus: {address} is in use by another program; end that program or choose another port", e)
                : new RefusalException(
                    RefusalKind.Resource,
                    $"metrics.prometheus: {address} can't be listened at: {StartupFailures.Sentence(e.Message)}; choose another address or port",
                    e);
        }

        using var own = new FileDescriptor((int)socket.Handle);
        try
        {
            var listener = UnixListener.FromDescriptor(own.Duplicate());
            Add(new ListeningSocket("metrics", address.ToString(), listener.Socket, IsOurs: true), listener, metricsOnly: true);
        }
        finally
        {
            own.Release();
        }
    }

    private void Add(string name, InheritedSocket socket, bool metricsOnly)
    {
        // Only a Unix socket has a name in the file system.
        var listener = UnixListener.FromDescriptor(socket.Descriptor, socket is { IsOurs: true, Path: ['/', ..] path } ? path : null);
        Add(new ListeningSocket(name, socket.Path, socket.Descriptor, socket.IsOurs), listener, metricsOnly);
    }

    private void Add(ListeningSocket socket, UnixListener listener, bool metricsOnly)
    {
        _open.Add((socket, listener));
        _handles.Add(((ulong)listener.Socket.Value, metricsOnly));
    }
}
