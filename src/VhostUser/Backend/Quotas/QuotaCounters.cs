using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Quotas;

/// <summary>
/// What a front end makes this process keep, and how often it was refused more. Lives as long as its endpoint, over the sessions. Written by the control
/// thread; any thread may read.
/// </summary>
public sealed class QuotaCounters
{
    /// <summary>Memory regions at present.</summary>
    public long Regions { get; internal set; }

    /// <summary>Descriptors kept at present, see <see cref="SessionQuotas.Descriptors"/>.</summary>
    public long Descriptors { get; internal set; }

    /// <summary>I/O translations at present.</summary>
    public long IotlbEntries { get; internal set; }

    /// <summary>Files of front ends that wait for being closed.</summary>
    public long ClosesPending => Closer?.Pending ?? 0;

    /// <summary>Messages refused because of the quota of regions.</summary>
    public long RegionsRefused { get; internal set; }

    /// <summary>Messages refused because of the quota of descriptors.</summary>
    public long DescriptorsRefused { get; internal set; }

    /// <summary>Messages and connections refused because the process has only its reserve of descriptors left.</summary>
    public long ReserveRefused { get; internal set; }

    /// <summary>Connections ended because a message was not completed in time.</summary>
    public long HalfReceivedEnded { get; internal set; }

    /// <summary>Connections that ended before they had sent one whole message.</summary>
    public long SilentConnections { get; internal set; }

    /// <summary>Connections that had to wait because they came too fast.</summary>
    public long ConnectionsDelayed { get; internal set; }

    /// <summary>Connections that found another front end in their place, and were turned away.</summary>
    public long SecondFrontEnds { get; internal set; }

    /// <summary>Log lines left out.</summary>
    public long LogLinesLeftOut { get; internal set; }

    /// <summary>Jobs declined.</summary>
    public long JobsRefused { get; internal set; }

    /// <summary>I/O translations that made room for newer ones.</summary>
    public long IotlbEvicted { get; internal set; }

    /// <summary>Sessions ended as hostile, because a write to a notifier of theirs did not come back.</summary>
    public long StuckNotifiers { get; internal set; }

    /// <summary>What closes the files.</summary>
    internal StrangerCloser? Closer { get; init; }
}
