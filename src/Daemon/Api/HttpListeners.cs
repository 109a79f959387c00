using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Api;

/// <summary>
/// The sockets of the control API and of the Prometheus endpoint. They are bound here rather than by Kestrel, so that owner, mode, stale and live sockets are
/// treated like those of the guests.
/// </summary>
internal sealed class HttpListeners : IDisposable
{
    private readonly List<IDisposable> _open = [];
    private readonly List<(ulong Handle, bool MetricsOnly)> _handles = [];
    private readonly ConnectionGate _gate = new(DescriptorReserve.HasRoom);
    private HttpListenOptions? _tcp;

    /// <summary>Whether there is anything to serve.</summary>
    public bool Any => _handles.Count > 0 || _tcp is not null;

    /// <summary>Binds what is configured, or takes it from the service manager.</summary>
    /// <exception cref="RefusalException">A socket can't be had.</exception>
    public void Open(DaemonOptions options, SocketActivation activation)
    {
        if (activation.Take("control", options.Control?.Path) is { } control)
        {
            Add(control.Descriptor, metricsOnly: false);
        }
        else if (options.Control is { } listen)
        {
            Bind("control", listen, metricsOnly: false);
        }

        if (activation.Take("metrics", options.Metrics.Prometheus?.Path) is { } metrics)
        {
            Add(metrics.Descriptor, metricsOnly: true);
        }
        else if (options.Metrics.Prometheus is { Path: not null } prometheus)
        {
            Bind("metrics.prometheus", prometheus, metricsOnly: true);
        }
        else
        {
            _tcp = options.Metrics.Prometheus;
        }
    }

    /// <summary>Says why Kestrel could not listen, or null when something else went wrong.</summary>
    public RefusalException? Explain(Exception e)
    {
        if (_tcp is not { Address: { } address } || e is not (IOException or SocketException))
        {
            return null;
        }

        return e.InnerException is AddressInUseException
            ? new RefusalException(RefusalKind.InUse, $"metrics.prometheus: {address} is in use by another program; end that program or choose another port", e)
            : new RefusalException(
                RefusalKind.Resource,
                $"metrics.prometheus: {address} can't be listened at: {StartupFailures.Sentence(e.Message)}; choose another address or port",
                e);
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

        if (_tcp is not null)
        {
            kestrel.Listen(_tcp.Address!, endpoint => Configure(endpoint, metricsOnly: true));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable socket in _open)
        {
            socket.Dispose();
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

    private void Bind(string path, HttpListenOptions options, bool metricsOnly)
    {
        try
        {
            var listener = UnixListener.Bind(
                options.Path!, options.Mode, Accounts.User(options.Owner, $"{path}.owner"), Accounts.Group(options.Group, $"{path}.group"));
            _open.Add(listener);
            _handles.Add(((ulong)listener.Socket.Value, metricsOnly));
        }
        catch (IOException e)
        {
            throw StartupFailures.ExplainSocket(path, options.Path!, e);
        }
    }

    private void Add(FileDescriptor descriptor, bool metricsOnly)
    {
        _open.Add(descriptor);
        _handles.Add(((ulong)descriptor.Value, metricsOnly));
    }
}
