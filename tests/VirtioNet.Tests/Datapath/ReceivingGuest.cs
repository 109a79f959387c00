using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A guest that only receives: keeps its ring full of buffers of one kind and puts the frames that came together again.</summary>
internal sealed class ReceivingGuest : IDisposable
{
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rx" });
    private readonly GuestRig _rig;
    private readonly int _bufferSize;
    private readonly int _descriptors;
    private readonly UsedChain[] _used;

    /// <summary>Starts it.</summary>
    /// <param name="features">What its driver acknowledged.</param>
    /// <param name="bufferSize">Bytes of each receive buffer.</param>
    /// <param name="descriptors">Descriptors that a buffer is spread over.</param>
    /// <param name="ringSize">Descriptors of its ring.</param>
    public ReceivingGuest(ulong features, int bufferSize, int descriptors = 1, int ringSize = 256)
    {
        _bufferSize = bufferSize;
        _descriptors = descriptors;
        _used = new UsedChain[ringSize];
        _thread.Start();
        _rig = new GuestRig("guest", features, _thread, ringSize);
        _rig.Start();
    }

    public VhostUserPort Port => _rig.Port;

    /// <summary>Counters of its receive queue.</summary>
    public ref FrameCounters Counters => ref _rig.Port.Pairs[0].Rx.Counters;

    /// <summary>Fills the ring with buffers, or adds so many.</summary>
    public void Offer(int count = int.MaxValue)
    {
        var parts = new GuestBuffer[_descriptors];
        uint part = (uint)(_bufferSize / _descriptors);
        while (count-- > 0 && _rig.Rx.FreeDescriptors >= _descriptors)
        {
            ulong address = _rig.Memory.Allocate((ulong)_bufferSize);
            for (int d = 0; d < _descriptors; d++)
            {
                parts[d] = new GuestBuffer(address + ((ulong)d * part), part, true);
            }

            Assert.True(_rig.Rx.Add(parts, address) >= 0);
        }

        _rig.Rx.Publish();
        _rig.Rx.KickIfWanted();
    }

    /// <summary>Takes the frames that came; each must have these flags and this kind of segmentation in its header.</summary>
    public List<byte[]> Take(byte flags = 0, byte gsoType = VirtioNetHeader.GSO_NONE)
    {
        List<byte[]> frames = TakeAny();
        Assert.All(frames, f => Assert.Equal((flags, gsoType), (f[0], f[1])));
        return frames.ConvertAll(f => f[VirtioNetHeader.Size..]);
    }

    /// <summary>Takes the frames that came, each behind a header of 12 bytes whose count of buffers is left out.</summary>
    public List<byte[]> TakeAny()
    {
        int count = _rig.Rx.CollectUsed(_used);
        var frames = new List<byte[]>();
        int left = 0;
        foreach (UsedChain chain in _used.AsSpan(0, count))
        {
            ReadOnlySpan<byte> bytes = _rig.Memory.Bytes(chain.Cookie, (int)chain.Length);
            if (left == 0)
            {
                left = _rig.HeaderSize == VirtioNetHeader.Size ? BitConverter.ToUInt16(bytes[10..]) : 1;
                frames.Add([.. bytes[..VirtioNetHeader.LegacySize], 0, 0]);
                bytes = bytes[_rig.HeaderSize..];
            }

            frames[^1] = [.. frames[^1], .. bytes];
            left--;
            _rig.Memory.Free(chain.Cookie, (ulong)_bufferSize);
        }

        Assert.Equal(0, left);
        return frames;
    }

    public void Dispose()
    {
        _rig.Dispose();
        _thread.Dispose();
    }
}
