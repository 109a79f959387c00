using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A guest without VIRTIO_NET_F_GUEST_CSUM gets complete frames: the receive queue finishes partial checksums while it copies.</summary>
public sealed class ReceiveChecksumTests : IDisposable
{
    private const ulong Modern = VirtioFeatures.VERSION_1;
    private readonly BurstMemory _memory = new();
    private readonly RandomFrames _random = new(11);

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

    public void Dispose() => _memory.Dispose();

    /// <summary>Frames of any kind in any pieces, into buffers of any kind; complete frames and those in between come as they are.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void PartialChecksumsAreFinished(ulong features, int bufferSize, int descriptors)
    {
        using var guest = new ReceivingGuest(features, bufferSize, descriptors);
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

            List<byte[]> actual = Deliver(guest);
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
        using var guest = new ReceivingGuest(Modern | VirtioNetFeatures.GUEST_CSUM, 4096);
        FrameBuilder frame = _random.Frame(1000);
        _memory.Add(frame.Header(), frame.Partial());
        Assert.Equal(frame.Partial(), Assert.Single(Deliver(guest, VirtioNetHeader.F_NEEDS_CSUM)));
    }

    /// <summary>Such a frame is stopped where it comes in; were it not, no byte beyond the frame would be touched for it.</summary>
    [Theory]
    [InlineData(4096, 1060, 16)]
    [InlineData(256, 1060, 16)]
    [InlineData(4096, 34, 60_000)]
    [InlineData(256, 2, 6)]
    public void AChecksumThatLiesOutsideIsDroppedAndCounted(int bufferSize, ushort start, ushort offset)
    {
        using var guest = new ReceivingGuest(Modern | VirtioNetFeatures.MRG_RXBUF, bufferSize);
        FrameBuilder good = _random.Frame(500);
        _memory.Add(new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = start, CsumOffset = offset }, _random.Bytes(1062));
        _memory.Add(default, good.Finished());
        Assert.Equal(good.Finished(), Assert.Single(Deliver(guest)));
        Assert.Equal(1, guest.Counters.Drops[(int)DropReason.BadHeader]);
    }

    private List<byte[]> Deliver(ReceivingGuest guest, byte flags = 0)
    {
        guest.Offer();
        Assert.Equal(_memory.Burst.Count, guest.Port.Deliver(_memory.Burst, _memory.Burst.AllFrames, 0, null));
        return guest.Take(flags);
    }
}
