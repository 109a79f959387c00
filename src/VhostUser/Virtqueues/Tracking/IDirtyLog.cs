namespace VhostNet.VhostUser.Virtqueues.Tracking;

/// <summary>
/// Takes note of guest memory that this process wrote ("Migration" in the vhost-user specification). Called under a ring's lock, once per burst or range.
/// </summary>
internal interface IDirtyLog
{
    /// <summary>Marks [address, address + length) in guest-physical addresses. Marks may be held back until <see cref="Flush"/>.</summary>
    void Mark(ulong address, ulong length);

    /// <summary>Makes all marks visible; called before the used index moves.</summary>
    void Flush();
}
