using Microsoft.Extensions.Logging;

namespace VhostNet.Daemon.Hosting;

/// <summary>The log lines of this room: a method for each, whose event id is that of docs/metrics.md. Any thread.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(201, LogLevel.Information, "Port {Port} ({Kind}) is in network {Network}, on threads {Threads}")]
    public static partial void PortAdded(this ILogger logger, string port, string kind, string network, string threads);

    [LoggerMessage(
        202, LogLevel.Information,
        "Port {Port}: an MTU of {Mtu} is offered; a QEMU guest learns it by host_mtu={Same} of its virtio-net device, or by DHCP of a responder " +
        "(the user network tells nobody), and keeps 1500 otherwise")]
    public static partial void MtuOffered(this ILogger logger, string port, int mtu, int same);

    [LoggerMessage(203, LogLevel.Information, "Port {Port} is removed")]
    public static partial void PortRemoved(this ILogger logger, string port);

    [LoggerMessage(204, LogLevel.Warning, "{Sentence}")]
    public static partial void PortNoticed(this ILogger logger, string sentence);

    [LoggerMessage(EventId = 205, Message = "{Sentence}")]
    public static partial void OutsideChanged(this ILogger logger, LogLevel level, string sentence);

    [LoggerMessage(206, LogLevel.Error, "{Sentence}")]
    public static partial void PortFaulted(this ILogger logger, string sentence);

    [LoggerMessage(207, LogLevel.Debug, "Port {Port}: where it failed")]
    public static partial void FaultTrace(this ILogger logger, Exception? exception, string port);

    [LoggerMessage(208, LogLevel.Error, "Port {Port}: {Reason}; its session ends, other ports go on (failure {Count} of this port)")]
    public static partial void SessionFaulted(this ILogger logger, string port, string reason, long count);

    [LoggerMessage(209, LogLevel.Error, "Port {Port}: it could not be ended cleanly; should no front end get through to it, remove it and add it again")]
    public static partial void EndFailed(this ILogger logger, Exception exception, string port);

    [LoggerMessage(EventId = 210, Message = "{Port}: {Text}")]
    public static partial void SessionSaid(this ILogger logger, LogLevel level, string port, string text);

    [LoggerMessage(211, LogLevel.Information, "Port {Port}: the inherited connection has ended, and so does the daemon")]
    public static partial void LastConnectionEnded(this ILogger logger, string port);

    [LoggerMessage(212, LogLevel.Warning, "The service manager passed socket {Name} ({Path}), which no port is configured for; it is closed")]
    public static partial void SocketNotWanted(this ILogger logger, string name, string? path);

    [LoggerMessage(213, LogLevel.Information, "vhostnetd {Version} is ready: {Ports} ports, {Networks} networks")]
    public static partial void Ready(this ILogger logger, string version, int ports, int networks);

    [LoggerMessage(214, LogLevel.Information, "vhostnetd ends")]
    public static partial void Ends(this ILogger logger);

    [LoggerMessage(215, LogLevel.Error, "A thread did not stop within {Milliseconds} ms; ending without it")]
    public static partial void ThreadDidNotStop(this ILogger logger, double milliseconds);

    [LoggerMessage(
        216, LogLevel.Error,
        "The disk did not take what was offered to guests within {Milliseconds} ms; a guest that comes back may be offered other features")]
    public static partial void FeaturesNotSaved(this ILogger logger, double milliseconds);

    [LoggerMessage(217, LogLevel.Error, "Port {Port}: its session could not go on after a take-over that came to nothing: {Reason}")]
    public static partial void SessionNotContinued(this ILogger logger, string port, string reason);

    [LoggerMessage(218, LogLevel.Error, "Port {Port}: it could not go on after the take-over: {Reason}; remove it and add it again")]
    public static partial void PortNotOpened(this ILogger logger, string port, string reason);

    [LoggerMessage(219, LogLevel.Information, "Taken over from process {Process}: no frame was forwarded for {Microseconds} us")]
    public static partial void TookOver(this ILogger logger, int process, long microseconds);
}
