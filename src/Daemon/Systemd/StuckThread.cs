using System.Globalization;

namespace VhostNet.Daemon.Systemd;

/// <summary>A thread whose loop stands still.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ForNs">For how long, in nanoseconds.</param>
/// <param name="Since">Since when.</param>
/// <param name="Place">What it stands in, or null.</param>
internal sealed record StuckThread(string Name, long ForNs, DateTimeOffset Since, string? Place)
{
    /// <summary>As in <c>io0 for 7 s, since 2026-11-27T19:00:00Z, in a handler of port vm0</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name} for {ForNs / 1_000_000_000} s, since {Since.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}{(Place is null ? string.Empty : $", in {Place}")}");
}
