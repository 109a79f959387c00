using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Device;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A guest without VIRTIO_NET_F_GUEST_CSUM gets complete frames: the receive queue finishes partial checksums while it copies.</summary>
public sealed class ReceiveChecksumTests : IDisposable
{
    private const ulong Modern = VirtioFeatures.VERSION_1;
    private readonly BurstMemory _memory = new();
    private readonly RandomFrames _random = new(11);
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rx" });

    public ReceiveChecksumTests() => _thread.Start();

    public static TheoryData<ulong, int, int> Guests => new()
    {
        { Modern, 4096, 1 },
        { Modern, 4096, 2 },
        { Modern | VirtioNetFeatures.MRG_RXBUF, 4096, 1 },
        { Modern | VirtioNetFeatures.MRG_RXBUF, 256, 1 },
        { Modern | VirtioNetFeatures.MRG_RXBUF, 600, 3 },
        { Modern | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.RING_PACKED, 512, 1 },
        { VirtioNetFeatures.MRG_RXBUF, 1024, 1 },
        { 0, 4096, 2 },
    };

    public void Dispose()
    {
        _thread.Dispose();
        _memory.Dispose();
    }

    /// <summary>Frames of any kind in any pieces, into buffers of any kind; complete frames and those in between come as they are.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void PartialChecksumsAreFinished(ulong features, int bufferSize, int descriptors)
    {
        using var guest = new GuestRig("guest", features, _thread);
        guest.Start();
        for (int round = 0; round < 200; round++)
        {
            _memory.Clear();
            var expected = new List<byte[]>();
            for (int i = _random.Next(1, 6); i > 0; i--)
            {
                FrameBuilder frame = _random.Frame(_random.Next(0, 2000));
                bool partial = _random.Next(0, 4) != 0;
                byte[] bytes = partial ? frame.Partial() : frame.Finished();
                _memory.Add(partial ? frame.Header() : default, bytes, _random.Pieces());
                expected.Add(partial ? SlowOffload.Checksum(bytes, frame.TransportOffset, frame.ChecksumOffset) : bytes);
            }

            List<byte[]> actual = Receive(guest, bufferSize, descriptors);
            Assert.Equal(expected.Count, actual.Count);
            for (int i = 0; i < expected.Count; i++)
            {
                Assert.Equal(expected[i], actual[i]);
            }
        }
    }

    [Fact]
    public void AGuestThatTakesPartialChecksumsGetsThemAsTheyAre()
    {
        using var guest = new GuestRig("guest", Modern | VirtioNetFeatures.GUEST_CSUM, _thread);
        guest.Start();
        FrameBuilder frame = _random.Frame(1000);
        _memory.Add(frame.Header(), frame.Partial());
        Assert.Equal(frame.Partial(), Assert.Single(Receive(guest, 4096, 1, VirtioNetHeader.F_NEEDS_CSUM)));
    }

    /// <summary>Such a frame is stopped where it comes in; were it not, no byte beyond the frame would be touched for it.</summary>
    [Theory]
    [InlineData(4096, 1060, 16)]
    [InlineData(256, 1060, 16)]
    [InlineData(4096, 34, 60_000)]
    [InlineData(256, 2, 6)]
    public void AChecksumThatLiesOutsideIsDroppedAndCounted(int bufferSize, ushort start, ushort offset)
    {
        using var guest = new GuestRig("guest", Modern | VirtioNetFeatures.MRG_RXBUF, _thread);
        guest.Start();
        FrameBuilder good = _random.Frame(500);
        _memory.Add(new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = start, CsumOffset = offset }, _random.Bytes(1062));
        _memory.Add(default, good.Finished());
        Assert.Equal(good.Finished(), Assert.Single(Receive(guest, bufferSize, 1)));
        Assert.Equal(1, guest.Port.Pairs[0].Rx.Counters.Drops[(int)DropReason.BadHeader]);
    }

    /// <summary>Fills the ring with buffers, delivers the burst and puts the received frames together; each must say that it is complete.</summary>
    private List<byte[]> Receive(GuestRig guest, int bufferSize, int descriptors, byte flags = 0)
    {
        var parts = new GuestBuffer[descriptors];
        uint part = (uint)(bufferSize / descriptors);
        while (guest.Rx.FreeDescriptors >= descriptors)
        {
            ulong address = guest.Memory.Allocate((ulong)bufferSize);
            for (int d = 0; d < descriptors; d++)
            {
                parts[d] = new GuestBuffer(address + ((ulong)d * part), part, true);
            }

            Assert.True(guest.Rx.Add(parts, address) >= 0);
        }

        guest.Rx.Publish();
        Assert.Equal(_memory.Burst.Count, guest.Port.Deliver(_memory.Burst, _memory.Burst.AllFrames, 0, null));
        var used = new UsedChain[256];
        int count = guest.Rx.CollectUsed(used);
        List<byte[]> frames = Join(guest, used.AsSpan(0, count), flags);
        for (int i = 0; i < count; i++)
        {
            guest.Memory.Free(used[i].Cookie, (ulong)bufferSize);
        }

        return frames;
    }

    private static List<byte[]> Join(GuestRig guest, ReadOnlySpan<UsedChain> used, byte flags)
    {
        var frames = new List<byte[]>();
        int left = 0;
        foreach (UsedChain chain in used)
        {
            ReadOnlySpan<byte> bytes = guest.Memory.Bytes(chain.Cookie, (int)chain.Length);
            if (left == 0)
            {
                Assert.Equal(flags, bytes[0]);
                Assert.Equal(VirtioNetHeader.GSO_NONE, bytes[1]);
                left = guest.HeaderSize == VirtioNetHeader.Size ? BitConverter.ToUInt16(bytes[10..]) : 1;
                frames.Add([]);
                bytes = bytes[guest.HeaderSize..];
            }

            frames[^1] = [.. frames[^1], .. bytes];
            left--;
        }

        Assert.Equal(0, left);
        return frames;
    }
}
