using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VhostNet.InProcess;

/// <summary>
/// The floor that cases are compared with: descriptors are read from an array, each frame is copied by the library, a used element is written. Nothing is
/// checked, translated, counted or notified. Buffers lie and are used as the rigs' are. A machine that copies slowly does both slowly.
/// </summary>
// SAFETY: both areas hold as many buffers of the stride as the indices go up to, and a frame is not longer than the stride.
internal sealed unsafe class FrameFloor : Sampler
{
    private const int Sent = 256;
    private const int Received = 1024;
    private const int ReceiveStrideMin = 2048;
    private readonly byte* _from;
    private readonly byte* _to;
    private readonly Descriptor* _descriptors;
    private readonly Used* _used;
    private readonly int _size;
    private int _position;

    /// <summary>Makes the buffers.</summary>
    /// <param name="frameSize">Bytes of a frame; its 12-byte header comes on top.</param>
    public FrameFloor(int frameSize)
    {
        _size = frameSize + BenchGuest.HeaderSize;
        int stride = (_size + 63) & ~63;
        int receiveStride = Math.Max(ReceiveStrideMin, stride);
        _from = Allocate((nuint)(Sent * stride));
        _to = Allocate((nuint)(Received * receiveStride));
        _descriptors = (Descriptor*)Allocate((nuint)((Sent + Received) * sizeof(Descriptor)));
        _used = (Used*)Allocate((nuint)(Received * sizeof(Used)));
        for (int i = 0; i < Sent; i++)
        {
            _descriptors[i] = new Descriptor(_from + (i * stride), (uint)_size);
        }

        for (int i = 0; i < Received; i++)
        {
            _descriptors[Sent + i] = new Descriptor(_to + (i * receiveStride), (uint)receiveStride);
        }
    }

    /// <inheritdoc/>
    public override double Sample()
    {
        long start = Stopwatch.GetTimestamp();
        long enough = start + (SampleNs * Stopwatch.Frequency / 1_000_000_000);
        long frames = 0;
        long now;
        do
        {
            Turn();
            frames += Sent;
            now = Stopwatch.GetTimestamp();
        }
        while (now < enough);

        return (now - start) * 1e9 / Stopwatch.Frequency / frames;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        NativeMemory.AlignedFree(_from);
        NativeMemory.AlignedFree(_to);
        NativeMemory.AlignedFree(_descriptors);
        NativeMemory.AlignedFree(_used);
    }

    private static byte* Allocate(nuint size)
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc(size, 4096);
        NativeMemory.Clear(memory, size);
        return memory;
    }

    private void Turn()
    {
        for (int i = 0; i < Sent; i++)
        {
            Descriptor source = _descriptors[i];
            Descriptor target = _descriptors[Sent + _position];
            Buffer.MemoryCopy(source.Address, target.Address, target.Length, source.Length);
            _used[_position] = new Used((uint)_position, source.Length);
            _position = (_position + 1) % Received;
        }
    }

    private readonly struct Descriptor(byte* address, uint length)
    {
        public readonly byte* Address = address;
        public readonly uint Length = length;
    }

    private readonly record struct Used(uint Id, uint Length);
}
