namespace VhostNet.Ctl.Top;

/// <summary>A thread in an interval.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Poll">How it polls.</param>
/// <param name="Busy">Part of the interval that its callbacks took.</param>
/// <param name="Shares">The queues that took most of it, with their parts of the interval.</param>
/// <param name="Loops">Passes a second.</param>
/// <param name="Sleeps">Sleeps a second.</param>
/// <param name="Gaps">Gaps in the interval.</param>
internal sealed record ThreadRow(string Name, string Poll, double Busy, IReadOnlyList<(string Queue, double Share)> Shares, double Loops, double Sleeps,
    long Gaps);
