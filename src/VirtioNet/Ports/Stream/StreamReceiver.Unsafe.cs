using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Stream;

/// <summary>
/// Cuts a byte stream into frames: each is preceded by its length in four bytes, big-endian (QEMU's <c>-netdev stream</c> and <c>socket</c>). One thread.
/// </summary>
internal sealed unsafe class StreamReceiver : IDisposable
{
    /// <summary>Longest frame: what QEMU takes.</summary>
    public const int FrameMax = 4096 + 65536;

    /// <summary>Bytes of the length before a frame.</summary>
    public const int PrefixSize = 4;

    /// <summary>What <see cref="Receive"/> returns when the other side closed: no error number.</summary>
    public const int Closed = -1;

    private const int Size = 512 * 1024;

    // SAFETY: allocated here with Size bytes and freed only by Dispose; 0 <= _start <= _end <= Size holds throughout.
    private readonly byte* _memory = (byte*)NativeMemory.Alloc(Size);
    private int _start;
    private int _end;
    private bool _disposed;

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~StreamReceiver() => Free();

    /// <summary>Forgets what was received: the connection is another one.</summary>
    public void Reset() => _start = _end = 0;

    /// <summary>Receives as much as there is room for.</summary>
    /// <returns>0, or the error number; <see cref="Closed"/> when the other side closed.</returns>
    // SAFETY: the room after _end is Size - _end bytes.
    public int Receive(int fd)
    {
        if (_start > 0)
        {
            Buffer.MemoryCopy(_memory + _start, _memory, Size, _end - _start);
            _end -= _start;
            _start = 0;
        }

        nint n = recvfrom(fd, _memory + _end, (nuint)(Size - _end), MSG_DONTWAIT, null, null);
        if (n <= 0)
        {
            return n == 0 ? Closed : errno == EINTR ? 0 : errno;
        }

        _end += (int)n;
        return 0;
    }

    /// <summary>Puts the complete frames into a burst; they stay until <see cref="Release"/>.</summary>
    /// <returns>False when a length makes no sense, so that the stream can't be followed any more.</returns>
    // SAFETY: a frame is added only when it lies wholly before _end.
    public bool AddTo(FrameBurst burst)
    {
        burst.Clear();
        int at = _start;
        while (_end - at >= PrefixSize && burst.Count < FrameBurst.FramesMax)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(new ReadOnlySpan<byte>(_memory + at, PrefixSize));
            if (length is < WireFormat.EthernetSize or > FrameMax)
            {
                return false;
            }

            if (length > (uint)(_end - at - PrefixSize))
            {
                break;
            }

            burst.TryAdd(default, (nint)(_memory + at + PrefixSize), length);
            at += PrefixSize + (int)length;
        }

        return true;
    }

    /// <summary>Forgets the oldest <paramref name="count"/> frames of a burst, which were forwarded.</summary>
    public void Release(FrameBurst burst, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _start += PrefixSize + (int)burst[i].Length;
        }
    }

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
            NativeMemory.Free(_memory);
        }
    }
}
