namespace VhostNet.Daemon.Handover;

/// <summary>How the service manager is reached.</summary>
/// <param name="Socket">NOTIFY_SOCKET.</param>
/// <param name="WatchdogMicroseconds">WATCHDOG_USEC; 0 when it does not watch.</param>
internal sealed record ManagerRecord(string Socket, long WatchdogMicroseconds);
