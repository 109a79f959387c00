using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A tap that has one frame: lays it into the segments as readv does, header first and in this machine's byte order.</summary>
/// <param name="header">The frame's header.</param>
/// <param name="frame">The frame.</param>
internal struct OneFrameReader(VirtioNetHeader header, byte[] frame) : IFrameReader
{
    private bool _done;

    public readonly int FrameSizeMax => frame.Length;

    public readonly GuestSegment Overflow(uint offset) => default;

    public readonly void SetAside(in VirtioNetHeader header, nint segments, int count, uint length) => Assert.Fail("The frame fits.");

    public unsafe int Read(nint segments, int count)
    {
        if (_done)
        {
            return 0;
        }

        _done = true;
        ReadOnlySpan<byte> left = (byte[])[.. MemoryMarshal.AsBytes(new ReadOnlySpan<VirtioNetHeader>(ref header)), .. frame];
        foreach (GuestSegment segment in new ReadOnlySpan<GuestSegment>((void*)segments, count))
        {
            int length = Math.Min(left.Length, (int)segment.Length);
            left[..length].CopyTo(new Span<byte>((void*)segment.Address, length));
            left = left[length..];
        }

        return VirtioNetHeader.Size + frame.Length - left.Length;
    }
}
