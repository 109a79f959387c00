using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Tests.Ports;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>What the data path remembers of a session's frames ends with the session.</summary>
public sealed class SessionEndTests : IDisposable
{
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "io" });

    public SessionEndTests() => _thread.Start();

    public void Dispose() => _thread.Dispose();

    /// <summary>A frame of the next session that lies where one of the last did and is as long would lose the segments that the last one's receiver had.</summary>
    [Fact]
    public void SegmentsThatWereTakenAreNotLeftOutOfTheNextSessionsFrame()
    {
        using var guest = new GuestRig("guest", VirtioFeatures.VERSION_1 | VirtioNetFeatures.CSUM | VirtioNetFeatures.HOST_TSO4, _thread);
        using CollectorPort collector = CollectorPort.Join(guest.Port, Offloads.None);
        collector.Room = 2;
        var frame = new FrameBuilder { Tcp = true, Payload = Craft.Pattern(5000), Identification = 7 };
        Offer(guest, frame.Header(gsoSize: 1000), frame.Partial());
        guest.Start();
        Settle();
        Assert.Equal(2, collector.Frames.Count);

        guest.Port.Device.StopQueue(guest.TxDevice);
        collector.MakeRoom(int.MaxValue);
        collector.Frames.Clear();
        guest.Port.Device.StartQueue(guest.TxDevice);
        Settle();
        Assert.Equal(SlowOffload.Segment(frame, 1000), collector.Frames);
    }

    private static void Offer(GuestRig guest, VirtioNetHeader header, byte[] frame)
    {
        ulong address = guest.Memory.Allocate(8192);
        Span<byte> bytes = guest.Memory.Bytes(address, VirtioNetHeader.Size + frame.Length);
        MemoryMarshal.Write(bytes, in header);
        frame.CopyTo(bytes[VirtioNetHeader.Size..]);
        Assert.True(guest.Tx.Add([new GuestBuffer(address, (uint)bytes.Length, false)]) >= 0);
        guest.Tx.Publish();
    }

    /// <summary>Twice: what was scheduled runs in the first, what that scheduled in the second.</summary>
    private void Settle()
    {
        _thread.Run(() => { });
        _thread.Run(() => { });
    }
}
