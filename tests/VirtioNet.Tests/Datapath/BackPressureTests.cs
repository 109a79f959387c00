using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A sender that finds no buffers is woken for every buffer that it has not tried, whenever that came.</summary>
public sealed class BackPressureTests : IDisposable
{
    private const ulong Modern = VirtioFeatures.VERSION_1;
    private const ulong Mergeable = Modern | VirtioNetFeatures.MRG_RXBUF;
    private readonly BurstMemory _memory = new();
    private readonly AioContext _context = new();
    private int _woken;

    public static TheoryData<PollPolicy, ulong> Rings()
    {
        var data = new TheoryData<PollPolicy, ulong>();
        foreach (PollPolicy policy in Enum.GetValues<PollPolicy>())
        {
            foreach (ulong ring in (ulong[])[0, VirtioFeatures.EVENT_IDX, VirtioFeatures.RING_PACKED, VirtioFeatures.RING_PACKED | VirtioFeatures.EVENT_IDX])
            {
                data.Add(policy, ring);
            }
        }

        return data;
    }

    public void Dispose()
    {
        _context.Dispose();
        _memory.Dispose();
    }

    /// <summary>The guest offers its buffers after the sender looked and before the sender gives up. It need not kick for them: kicks are still off.</summary>
    [Theory]
    [MemberData(nameof(Rings))]
    public void BuffersThatComeWhileTheSenderGivesUpAreUsed(PollPolicy policy, ulong ring)
    {
        _memory.Add(default, new byte[100]);
        _memory.Add(default, new byte[100]);
        Assert.Equal(2, Deliver(policy, Modern | ring, guest => Offer(guest, 2048, 2)));
        Assert.Equal(0, _woken);
    }

    /// <summary>The same for a frame that needs more buffers than the first look found.</summary>
    [Theory]
    [MemberData(nameof(Rings))]
    public void BuffersThatCompleteAFrameAreUsed(PollPolicy policy, ulong ring)
    {
        _memory.Add(default, new byte[3000]);
        Assert.Equal(1, Deliver(policy, Mergeable | ring, guest => Offer(guest, 1024, 2), beforehand: 2));
        Assert.Equal(0, _woken);
    }

    /// <summary>Of two senders that wait, the first finds buffers when it comes again: the guest's next kick is the other one's alone.</summary>
    [Fact]
    public void WhoFoundBuffersIsNotWoken()
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "rx", Policy = PollPolicy.Interrupt });
        thread.Start();
        using var guest = new GuestRig("guest", Modern, thread);
        using var queue = new InterposedVirtqueue(guest.RxDevice);
        using var rx = new RxQueue(0, thread);
        rx.Start(queue, guest.HeaderSize, mergeable: false, Offloads.All);
        _memory.Add(default, new byte[100]);
        int others = 0;
        BottomHalf first = _context.CreateBottomHalf(() => _woken++, "first");
        BottomHalf second = _context.CreateBottomHalf(() => others++, "second");
        Assert.Equal(0, rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, first));
        Assert.Equal(0, rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, second));
        queue.AfterPeek = () => Offer(guest, 2048, 1);
        Assert.Equal(1, rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, first));
        for (int kick = 0; kick < 2; kick++)
        {
            thread.Run(rx.Calls.Kicked);
            _context.Poll(false);
            Assert.Equal((0, 1), (_woken, others));
        }
    }

    /// <summary>A frame for which the guest's one buffer is too short is lost, and counted as nothing else.</summary>
    [Fact]
    public void AFrameThatIsTooLongIsCountedAsThatOnly()
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "rx", Policy = PollPolicy.Interrupt });
        thread.Start();
        using var guest = new GuestRig("guest", Modern, thread);
        using var rx = new RxQueue(0, thread);
        rx.Start(guest.RxDevice, guest.HeaderSize, mergeable: false, Offloads.All);
        Offer(guest, 256, 4);
        _memory.Add(default, new byte[1500]);
        Assert.Equal(1, rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, null));
        Assert.Equal((0L, 0L, 1L, 1L), (rx.Counters.Frames, rx.Counters.Bytes, rx.Counters.Drops[(int)DropReason.TooLong], rx.Counters.DroppedTotal));
        rx.Stop();
    }

    private static void Offer(GuestRig guest, uint size, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(guest.Rx.Add([new GuestBuffer(guest.Memory.Allocate(size), size, true)]) >= 0);
        }

        guest.Rx.Publish();
    }

    private int Deliver(PollPolicy policy, ulong features, Action<GuestRig> afterPeek, int beforehand = 0)
    {
        using var thread = new IoThread(new IoThreadOptions { Name = "rx", Policy = policy });
        thread.Start();
        using var guest = new GuestRig("guest", features, thread);
        using var queue = new InterposedVirtqueue(guest.RxDevice);
        using var rx = new RxQueue(0, thread);
        rx.Start(queue, guest.HeaderSize, (features & VirtioNetFeatures.MRG_RXBUF) != 0, Offloads.All);
        Offer(guest, 1024, beforehand);
        queue.AfterPeek = () => afterPeek(guest);
        BottomHalf waiter = _context.CreateBottomHalf(() => _woken++, "waiter");
        int done = rx.Deliver(_memory.Burst, _memory.Burst.AllFrames, waiter);
        _context.Poll(false);
        return done;
    }
}
