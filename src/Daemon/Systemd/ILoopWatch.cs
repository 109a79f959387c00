namespace VhostNet.Daemon.Systemd;

/// <summary>Sees from outside whether a loop moves. Used by one thread at a time.</summary>
internal interface ILoopWatch
{
    /// <summary>Looks at the loop; never waits.</summary>
    /// <param name="nowNs">The time by the watchdog's clock.</param>
    /// <returns>Nanoseconds for which it has stood still in something that is not sleep; 0 while it moves or sleeps.</returns>
    long Look(long nowNs);

    /// <summary>What the loop stood in at the last look, as in <c>a handler of port vm0</c>; null when that is not known.</summary>
    string? Place { get; }

    /// <summary>Passes of the loop so far: a number that changes while it moves.</summary>
    long Passes { get; }

    /// <summary>Ends looking. The loop still runs.</summary>
    void End();
}
