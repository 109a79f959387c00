using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>Native memory that plays a guest's buffers: frames are laid into it in pieces, at odd addresses too, each piece followed by bytes that must not be read as data.</summary>
internal sealed unsafe class BurstMemory : IDisposable
{
    private readonly byte* _memory;
    private readonly int _length;
    private int _used;

    public BurstMemory(int length = 8 << 20)
    {
        _length = length;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, 4096);
    }

    public FrameBurst Burst { get; } = new();

    /// <summary>Adds a frame as pieces of these lengths; the last takes the rest.</summary>
    public void Add(in VirtioNetHeader header, ReadOnlySpan<byte> frame, params ReadOnlySpan<int> pieces)
    {
        var segments = new List<GuestSegment>();
        foreach (int piece in pieces)
        {
            if (piece < frame.Length)
            {
                segments.Add(Place(frame[..piece]));
                frame = frame[piece..];
            }
        }

        segments.Add(Place(frame));
        bool added = segments.Count == 1
            ? Burst.TryAdd(header, segments[0].Address, segments[0].Length)
            : Burst.TryAdd(header, CollectionsMarshal.AsSpan(segments));
        Assert.True(added, "the test's burst is full");
    }

    /// <summary>Forgets all frames.</summary>
    public void Clear()
    {
        Burst.Clear();
        _used = 0;
    }

    /// <summary>A frame's bytes.</summary>
    public static byte[] Read(FrameBurst burst, int frame)
    {
        byte[] result = new byte[burst[frame].TotalLength];
        Assert.Equal(result.Length, burst.CopyTo(frame, 0, result));
        return result;
    }

    public void Dispose()
    {
        Burst.Dispose();
        NativeMemory.AlignedFree(_memory);
    }

    private GuestSegment Place(ReadOnlySpan<byte> bytes)
    {
        Assert.True(_used + bytes.Length + 8 <= _length, "the test's memory is full");
        byte* at = _memory + _used;
        bytes.CopyTo(new Span<byte>(at, bytes.Length));
        new Span<byte>(at + bytes.Length, 7).Fill(0xee);
        _used += bytes.Length + 7;
        return new GuestSegment((nint)at, (uint)bytes.Length);
    }
}
