using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using VhostNet.Daemon.Api;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Logs;
using VhostNet.Daemon.Systemd;
using VhostNet.Daemon.Takeover;

namespace VhostNet.Daemon;

/// <summary>Builds the host around the daemon. Kestrel is part of it only when something is to be served over HTTP.</summary>
internal static class DaemonHost
{
    private static readonly TimeSpan s_shutdownTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>Builds a host that is ready to be started.</summary>
    public static IHost Build(
        DaemonOptions options, ServiceNotifier notifier, SocketActivation activation, HttpListeners listeners, LogSinks log, Hangup hangup,
        Succession succession)
    {
        if (!listeners.Any)
        {
            HostApplicationBuilder plain = Host.CreateEmptyApplicationBuilder(null);
            Configure(plain, options, notifier, activation, listeners, log, hangup, succession);
            return plain.Build();
        }

        // The empty builder reads neither files nor environment variables: the configuration file is the only one.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "vhostnetd" });
        Configure(builder, options, notifier, activation, listeners, log, hangup, succession);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(listeners.Configure);
        WebApplication application = builder.Build();
        ControlApi api = application.Services.GetRequiredService<ControlApi>();
        application.Run(api.HandleAsync);
        return application;
    }

    private static void Configure(
        IHostApplicationBuilder builder, DaemonOptions options, ServiceNotifier notifier, SocketActivation activation, HttpListeners listeners, LogSinks log,
        Hangup hangup, Succession succession)
    {
        builder.Logging.AddSerilog(log.Logger);
        IServiceCollection services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(notifier);
        services.AddSingleton(activation);
        services.AddSingleton<DaemonService>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(s =>
        {
            DaemonService daemon = s.GetRequiredService<DaemonService>();
            return new ControlQueue(daemon.ScheduleOnControl, s.GetRequiredService<TimeProvider>(), daemon.DescribeHang);
        });
        services.AddSingleton<ControlAnswers>();
        services.AddSingleton(log);
        services.AddSingleton(hangup);
        services.AddSingleton(succession);
        services.AddSingleton<IListeningSockets>(listeners);
        services.AddSingleton(succession.Configuration is { } before
            ? new ReadFile(
                options,
                before.Read.Where(i => i is { List: "ports" or "networks", Value: not null }).Select(i => new ReadItem(i.List, i.Name, i.Value!.Value)))
            : new ReadFile(options));
        services.AddSingleton<HandingOver>();
        services.AddSingleton<TakeOverDesk>();
        services.AddSingleton<LiveChanges>();
        services.AddSingleton(s =>
        {
            DaemonService daemon = s.GetRequiredService<DaemonService>();
            return new CaptureRequests(
                daemon.Composition.Captures,
                s.GetRequiredService<ControlQueue>(),
                name => ControlApi.FindPort(daemon, name),
                s.GetRequiredService<TimeProvider>(),
                s.GetRequiredService<ILogger<CaptureRequests>>());
        });
        services.AddSingleton<ControlApi>();
        services.AddHostedService(s => s.GetRequiredService<DaemonService>());
        services.AddHostedService<Reloader>();
        services.Configure<HostOptions>(o => o.ShutdownTimeout = s_shutdownTimeout);
        services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
    }
}
