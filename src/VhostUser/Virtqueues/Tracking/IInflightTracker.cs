namespace VhostNet.VhostUser.Virtqueues.Tracking;

/// <summary>
/// Records in shared memory which chains were taken and not yet given back ("Inflight I/O tracking" in the vhost-user specification). Called under the
/// ring's lock, per burst.
/// </summary>
internal interface IInflightTracker
{
    /// <summary>The chains with these heads (split) or buffer ids (packed) are about to be used.</summary>
    void Take(ReadOnlySpan<ushort> heads);

    /// <summary>The used ring is about to show the chains with these heads as used, and will stand at <paramref name="usedIndex"/> then.</summary>
    void BeforePublish(ReadOnlySpan<ushort> heads, ushort usedIndex);

    /// <summary>The used ring shows them; <paramref name="usedIndex"/> is the new used index (split) or slot with its wrap bit 15 (packed).</summary>
    void AfterPublish(ReadOnlySpan<ushort> heads, ushort usedIndex);
}
