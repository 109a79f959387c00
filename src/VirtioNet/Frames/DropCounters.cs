using System.Runtime.CompilerServices;

namespace VhostNet.VirtioNet.Frames;

/// <summary>One counter for each <see cref="DropReason"/>.</summary>
[InlineArray(Length)]
public struct DropCounters
{
    /// <summary>Number of reasons, with room to spare.</summary>
    public const int Length = 24;

    private long _first;
}
