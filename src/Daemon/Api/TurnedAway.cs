namespace VhostNet.Daemon.Api;

/// <summary>Marks connections for which there is no descriptor to spare: their requests are answered 503, and they are closed.</summary>
internal sealed class TurnedAway
{
    private TurnedAway()
    {
    }

    /// <summary>The mark.</summary>
    public static TurnedAway Instance { get; } = new();

    /// <summary>What such a request is told.</summary>
    public static string Reason =>
        $"the last {DescriptorReserve.Reserve} of the {DescriptorReserve.Limit} descriptors are kept for what runs; try again later, close other " +
            "connections, or raise the limit (LimitNOFILE= of the unit)";
}
