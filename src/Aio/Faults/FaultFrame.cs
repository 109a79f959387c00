using System.Runtime.CompilerServices;

namespace VhostNet.Aio.Faults;

/// <summary>
/// Holds the owner on whose behalf one thread registers. A loop keeps its thread's at hand, so that entering a callback's scope costs a comparison.
/// </summary>
internal sealed class FaultFrame
{
    /// <summary>The present owner. Written by its thread only.</summary>
    public IFaultOwner? Owner { get; private set; }

    /// <summary>Changes the owner.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Switch(IFaultOwner? owner)
    {
        // Most callbacks follow one of the same owner, and a store of a reference costs more than the comparison.
        if (!ReferenceEquals(Owner, owner))
        {
            Owner = owner;
        }
    }
}
