using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A frame that comes in, the guest that it is for, and what is to become of it, whichever way it goes.</summary>
/// <param name="Features">What the guest's driver acknowledged.</param>
/// <param name="BufferSize">Bytes of each receive buffer.</param>
/// <param name="Header">The frame's header.</param>
/// <param name="Frame">The frame.</param>
internal sealed record ReceiveCase(ulong Features, int BufferSize, VirtioNetHeader Header, byte[] Frame)
{
    /// <summary>Descriptors that a buffer is spread over.</summary>
    public int Descriptors { get; init; } = 1;

    /// <summary>Descriptors of the ring.</summary>
    public int RingSize { get; init; } = 64;

    /// <summary>What the guest gets.</summary>
    public IReadOnlyList<byte[]> Expected { get; init; } = [];

    /// <summary>Flags in the headers of that.</summary>
    public byte Flags { get; init; }

    /// <summary>Segmentation in the headers of that.</summary>
    public byte GsoType { get; init; }

    /// <summary>Why it is dropped, where it is.</summary>
    public DropReason? Drop { get; init; }

    /// <summary>True when the kernel's read into the guest's buffers is all that is needed.</summary>
    public bool IsDirect { get; init; }
}
