using Microsoft.Extensions.Logging;

namespace VhostNet.Daemon.Takeover;

/// <summary>The log lines of this room: a method for each, whose event id is that of docs/metrics.md. Any thread.</summary>
internal static partial class TakeOverLog
{
    [LoggerMessage(601, LogLevel.Information, "Process {Process}, vhostnetd {Version}, takes over; until it is ready this one goes on")]
    public static partial void Begins(this ILogger logger, int process, string version);

    [LoggerMessage(602, LogLevel.Information, "Handed over to process {Process}; this one ends")]
    public static partial void HandedOver(this ILogger logger, int process);

    [LoggerMessage(603, LogLevel.Warning, "The take-over came to nothing: {Reason}; this process goes on")]
    public static partial void ComesToNothing(this ILogger logger, string reason);

    [LoggerMessage(604, LogLevel.Warning, "Process {Process} of user {User} wanted to take over and was turned away; only user {Own} and root may")]
    public static partial void TurnedAway(this ILogger logger, int process, uint user, uint own);
}
