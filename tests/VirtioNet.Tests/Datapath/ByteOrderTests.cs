using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.Ports;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Legacy guests write and read virtio_net_hdr in their own byte order (virtio 1.3 section 5.1.6.1); inside it is always in ours.</summary>
public sealed class ByteOrderTests : IDisposable
{
    private const ulong Mergeable = VirtioNetFeatures.MRG_RXBUF;
    private const ulong Offloaded = VirtioNetFeatures.CSUM | VirtioNetFeatures.GUEST_CSUM | VirtioNetFeatures.HOST_TSO4 | VirtioNetFeatures.GUEST_TSO4;
    private readonly BurstMemory _memory = new();

    private readonly FrameBuilder _segmented = new() { Tcp = true, Payload = Craft.Pattern(5000) };

    public static TheoryData<ulong, bool> Guests => new() { { 0, true }, { Mergeable, true }, { 0, false }, { Mergeable, false } };

    public static TheoryData<bool, ulong, bool, ulong> Pairs()
    {
        var pairs = new TheoryData<bool, ulong, bool, ulong>();
        foreach ((bool from, bool to) in (ReadOnlySpan<(bool, bool)>)[(true, false), (false, true), (true, true), (false, false)])
        {
            foreach (ulong sends in (ulong[])[0, Mergeable])
            {
                foreach (ulong receives in (ulong[])[0, Mergeable])
                {
                    pairs.Add(from, sends, to, receives);
                }
            }
        }

        return pairs;
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>From the guest: the header before the frame, in a buffer of its own, and cut in two.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void AHeaderFromTheGuestIsInOurOrderInside(ulong features, bool bigEndian)
    {
        using var guest = new OrderedGuest(features | Offloaded, bigEndian);
        using CollectorPort collector = CollectorPort.Join(guest.Port);
        guest.Start();
        VirtioNetHeader header = _segmented.Header(1400);
        int size = features == 0 ? VirtioNetHeader.LegacySize : VirtioNetHeader.Size;
        guest.Send(header with { NumBuffers = 7 }, _segmented.Partial());
        guest.Send(header, _segmented.Partial(), size);
        guest.Send(header, _segmented.Partial(), 5, size - 5, 100);
        guest.Send(new VirtioNetHeader { HdrLen = 54 }, _segmented.Finished());
        guest.Stop();
        Assert.Equal(0, guest.Refused);
        Assert.All(collector.Headers[..3], h => Assert.Equal(header with { NumBuffers = 1 }, h));
        Assert.Equal(new VirtioNetHeader { HdrLen = 54, NumBuffers = 1 }, collector.Headers[3]);
        Assert.All(collector.Frames[..3], f => Assert.Equal(_segmented.Partial(), f));
    }

    /// <summary>To the guest: a plain frame, one with offloads, one in pieces, and one over several buffers where that may be.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void AHeaderForTheGuestIsInItsOrder(ulong features, bool bigEndian)
    {
        using var guest = new OrderedGuest(features | Offloaded, bigEndian);
        guest.Start();
        VirtioNetHeader header = _segmented.Header(1400);
        guest.Offer(3, 8192);
        _memory.Add(default, _segmented.Finished());
        _memory.Add(header, _segmented.Partial());
        _memory.Add(header, _segmented.Partial(), 66, 1000, 3);
        Deliver(guest);
        Assert.Equal(new VirtioNetHeader { NumBuffers = 1 }, guest.Receive().Header);
        for (int i = 0; i < 2; i++)
        {
            (VirtioNetHeader seen, byte[] frame) = guest.Receive();
            Assert.Equal(header with { NumBuffers = 1 }, seen);
            Assert.Equal(_segmented.Partial(), frame);
        }

        if (guest.IsMergeable)
        {
            _memory.Clear();
            guest.Offer(5, 1500);
            _memory.Add(header, _segmented.Partial());
            Deliver(guest);
            (VirtioNetHeader seen, byte[] frame) = guest.Receive();
            Assert.Equal(header with { NumBuffers = 4 }, seen);
            Assert.Equal(_segmented.Partial(), frame);
        }
    }

    /// <summary>The same where the checksum is finished on the way in.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void AFinishedFrameHasAHeaderInTheGuestsOrder(ulong features, bool bigEndian)
    {
        using var guest = new OrderedGuest(features, bigEndian);
        guest.Start();
        guest.Offer(1, 8192);
        guest.Offer(4, guest.IsMergeable ? 1500 : 8192);
        _memory.Add(_segmented.Header(), _segmented.Partial(), 66);
        _memory.Add(_segmented.Header(), _segmented.Partial(), 66);
        Deliver(guest);
        foreach (ushort buffers in (ushort[])[1, (ushort)(guest.IsMergeable ? 4 : 1)])
        {
            (VirtioNetHeader seen, byte[] frame) = guest.Receive();
            Assert.Equal(new VirtioNetHeader { NumBuffers = buffers }, seen);
            Assert.Equal(_segmented.Finished(), frame);
        }
    }

    /// <summary>Between guests of both orders: with offloads that pass through, and cut into segments for a guest that takes none.</summary>
    [Theory]
    [MemberData(nameof(Pairs))]
    public void FramesPassBetweenGuestsOfAnyOrder(bool fromBig, ulong sends, bool toBig, ulong receives)
    {
        foreach (ulong taken in (ulong[])[Offloaded, 0])
        {
            using var sender = new OrderedGuest(sends | Offloaded, fromBig);
            using var receiver = new OrderedGuest(receives | taken, toBig);
            var wire = new WireNetwork("wire");
            wire.Attach(sender.Port);
            wire.Attach(receiver.Port);
            receiver.Start();
            sender.Start();
            receiver.Offer(8, 8192);
            VirtioNetHeader header = _segmented.Header(2500);
            sender.Send(header, _segmented.Partial());
            (VirtioNetHeader seen, byte[] frame) = receiver.Receive();
            if (taken != 0)
            {
                Assert.Equal(header with { NumBuffers = 1 }, seen);
                Assert.Equal(_segmented.Partial(), frame);
            }
            else
            {
                (VirtioNetHeader next, byte[] rest) = receiver.Receive();
                Assert.All([seen, next], h => Assert.Equal(new VirtioNetHeader { NumBuffers = 1 }, h));
                Assert.Equal(_segmented.Payload, (byte[])[.. frame[_segmented.PayloadOffset..], .. rest[_segmented.PayloadOffset..]]);
            }

            Assert.False(receiver.HasMore);
            Assert.Equal(0, sender.Refused);
            sender.Stop();
            receiver.Stop();
        }
    }

    /// <summary>Read by the kernel straight into the guest's buffers: what is read comes in our order.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public void AFrameReadDirectlyHasAHeaderInTheGuestsOrder(ulong features, bool bigEndian)
    {
        using var guest = new OrderedGuest(features | Offloaded, bigEndian);
        using var context = new AioContext();
        guest.Start();
        guest.Offer(8, guest.IsMergeable ? 1500 : 8192);
        BottomHalf waiter = context.CreateBottomHalf(() => { }, "waiter");
        VirtioNetHeader header = _segmented.Header(1400);
        var reader = new OneFrameReader(header, _segmented.Partial());
        Assert.Equal(ReceiveResult.SourceEmpty, guest.Rx.ReceiveDirect(ref reader, 8, waiter, out int frames));
        Assert.Equal(1, frames);
        (VirtioNetHeader seen, byte[] frame) = guest.Receive();
        Assert.Equal(header with { NumBuffers = (ushort)(guest.IsMergeable ? 4 : 1) }, seen);
        Assert.Equal(_segmented.Partial(), frame);
        waiter.Delete();
    }

    /// <summary>Configuration space: the address is bytes, the other fields are numbers of the guest's order.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ConfigurationSpaceIsInTheGuestsOrder(bool bigEndian)
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "rings" });
        using var port = new VhostUserPort("vm0", new VirtioNetOptions { QueuePairs = 2, Mtu = 9000, MacAddress = 0x0605_0403_0201 }, [thread]);
        byte[] config = new byte[12];
        Assert.True(port.Device.ReadConfig(0, config, bigEndian));
        Assert.Equal(bigEndian ? [1, 2, 3, 4, 5, 6, 0, 1, 0, 2, 0x23, 0x28] : (byte[])[1, 2, 3, 4, 5, 6, 1, 0, 2, 0, 0x28, 0x23], config);
        Assert.True(port.Device.ReadConfig(11, config.AsSpan(0, 1), bigEndian));
        Assert.Equal(bigEndian ? 0x28 : 0x23, config[0]);
    }

    private void Deliver(OrderedGuest guest) =>
        Assert.Equal(_memory.Burst.Count, guest.Port.Deliver(_memory.Burst, _memory.Burst.AllFrames, 0, null));
}
