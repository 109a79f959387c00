using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>A peeked chain as the queue remembers it until it is completed: its name in the used ring, and how many ring slots it takes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UsedElement
{
    /// <summary>Head descriptor index (split) or buffer id (packed).</summary>
    public uint Id;

    /// <summary>Descriptors of the ring that the chain occupies (packed; 1 for an indirect one).</summary>
    public uint Slots;
}
