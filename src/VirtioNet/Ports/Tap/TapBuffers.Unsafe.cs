using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Offload;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>Buffers of our own for frames whose receiver is not known before they are read: a switch looks at the header first. One thread.</summary>
internal sealed unsafe class TapBuffers : IDisposable
{
    /// <summary>Frames read before they are forwarded together.</summary>
    public const int Count = 64;

    /// <summary>Longest frame: 64 KiB of IP and an Ethernet header with two tags.</summary>
    public const int FrameMax = 65535 + 22;

    private const int Stride = 66 * 1024;

    // SAFETY: allocated here for Count buffers of Stride bytes, each enough for a header and FrameMax, and freed only by Dispose. Pages that no frame ever
    // reached take no memory.
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Count * Stride, 4096);
    private readonly int[] _lengths = new int[Count];
    private bool _disposed;

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~TapBuffers() => Free();

    /// <summary>First frame that was not forwarded yet.</summary>
    public int First { get; private set; }

    /// <summary>One past the last frame that was read.</summary>
    public int End { get; private set; }

    /// <summary>True when every frame was forwarded.</summary>
    public bool IsEmpty => First == End;

    /// <summary>Fills the empty buffers.</summary>
    /// <param name="fd">The tap queue.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 12 or 0.</param>
    /// <param name="error">What stopped the reading: EAGAIN when nothing is left, 0 when the buffers are full.</param>
    public void Fill(int fd, int headerSize, out int error)
    {
        First = End = 0;
        error = 0;
        while (End < Count)
        {
            // The frame begins at the same place whether there is a header or not.
            nint n = read(fd, _memory + (End * Stride) + VirtioNetHeader.Size - headerSize, (nuint)(FrameMax + headerSize));
            if (n > headerSize)
            {
                _lengths[End++] = (int)n - headerSize;
            }
            else if (n < 0 && errno != EINTR)
            {
                error = errno;
                return;
            }
        }
    }

    /// <summary>Puts the frames that are left into a burst.</summary>
    public void AddTo(FrameBurst burst, int headerSize)
    {
        burst.Clear();
        for (int i = First; i < End; i++)
        {
            VirtioNetHeader header = headerSize == 0 ? default : *(VirtioNetHeader*)(_memory + (i * Stride));
            burst.TryAdd(header, (nint)(_memory + (i * Stride) + VirtioNetHeader.Size), (uint)_lengths[i]);
            burst.Unfinished |= header.IsPlain ? Offloads.None : OffloadPolicy.Needs(header);
        }
    }

    /// <summary>Forgets frames that were forwarded.</summary>
    public void Release(int count) => First += count;

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_memory);
        }
    }
}
