namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>What is set for a switch as a whole.</summary>
public sealed record SwitchOptions
{
    /// <summary>Most addresses that a table may hold.</summary>
    public const int MacTableCapacityMax = 1 << 20;

    /// <summary>Most addresses, learned and configured, that the switch knows at a time. Memory for them is taken once: 32 bytes each.</summary>
    public int MacTableCapacity { get; init; } = 8192;

    /// <summary>Time after which a learned address that was not seen is forgotten (IEEE 802.1D recommends 300 s).</summary>
    public TimeSpan Ageing { get; init; } = TimeSpan.FromSeconds(300);

    internal void Check()
    {
        if (MacTableCapacity is < 1 or > MacTableCapacityMax)
        {
            throw new ArgumentOutOfRangeException(
                nameof(MacTableCapacity), MacTableCapacity, $"The capacity of a switch's address table must be 1 to {MacTableCapacityMax}.");
        }

        if (Ageing < TimeSpan.FromSeconds(1) || Ageing > TimeSpan.FromDays(30))
        {
            throw new ArgumentOutOfRangeException(nameof(Ageing), Ageing, "A switch's ageing time must be 1 second to 30 days.");
        }
    }
}
