using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// No turn of a real queue takes more than its budget, whatever its ring holds, and what it takes is what was done: descriptors read, bytes copied and summed are counted a second time where that
/// happens. Nothing is timed.
/// </summary>
public sealed class TurnBudgetTests : IDisposable
{
    private const ulong Base = VirtioFeatures.VERSION_1 | VirtioFeatures.INDIRECT_DESC;
    private const int RingSize = 1024;

    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rings", Policy = PollPolicy.Interrupt });
    private readonly WireNetwork _wire = new("wire");
    private readonly List<GuestRig> _guests = [];

    public TurnBudgetTests() => _thread.Start();

    public static TheoryData<RingShape, bool> ShapesAndFormats()
    {
        var data = new TheoryData<RingShape, bool>();
        foreach (RingShape shape in Enum.GetValues<RingShape>())
        {
            data.Add(shape, false);
            data.Add(shape, true);
        }

        return data;
    }

    public void Dispose()
    {
        foreach (GuestRig guest in _guests)
        {
            guest.Stop();
        }

        foreach (GuestRig guest in _guests)
        {
            if (guest.Port.Network is not null)
            {
                _wire.Detach(guest.Port);
            }

            guest.Dispose();
        }

        _thread.Dispose();
    }

    [Theory]
    [MemberData(nameof(ShapesAndFormats))]
    public void ATransmitTurnEnds(RingShape shape, bool packed)
    {
        GuestRig receiver = Guest("receiver", packed, 0);
        for (int seed = 0; seed < (shape == RingShape.Random ? 20 : 1); seed++)
        {
            GuestRig sender = Guest("sender", packed, 0);
            HostileRing.Fill(receiver, receiver.Rx, RingShape.Good, write: true, new Random(0));
            _wire.Attach(sender.Port);
            _wire.Attach(receiver.Port);
            HostileRing.Fill(sender, sender.Tx, shape, write: false, new Random(seed));
            TakeTurns(sender, sender.TxDevice, receiver.RxDevice, 12);
            _wire.Detach(receiver.Port);
            _wire.Detach(sender.Port);
        }
    }

    [Theory]
    [MemberData(nameof(ShapesAndFormats))]
    public void ATurnOfASenderToAHostileReceiverEnds(RingShape shape, bool packed)
    {
        foreach (ulong mergeable in new[] { 0UL, VirtioNetFeatures.MRG_RXBUF })
        {
            GuestRig sender = Guest("sender", packed, mergeable);
            GuestRig receiver = Guest("receiver", packed, mergeable);
            _wire.Attach(sender.Port);
            _wire.Attach(receiver.Port);
            HostileRing.Fill(receiver, receiver.Rx, shape, write: true, new Random(7));
            HostileRing.Fill(sender, sender.Tx, shape == RingShape.Random ? RingShape.Good : RingShape.LongFrames, write: false, new Random(0));
            TakeTurns(sender, sender.TxDevice, receiver.RxDevice, 12);
            _wire.Detach(receiver.Port);
            _wire.Detach(sender.Port);
        }
    }

    /// <summary>A burst for one hostile receiver leaves most of the turn to the sender's others, and says so.</summary>
    [Theory]
    [MemberData(nameof(ShapesAndFormats))]
    public void ASenderThatCannotWaitIsSparedAHostileReceiver(RingShape shape, bool packed)
    {
        GuestRig receiver = Guest("receiver", packed, VirtioNetFeatures.MRG_RXBUF);
        HostileRing.Fill(receiver, receiver.Rx, shape, write: true, new Random(3));
        using var memory = new BurstMemory();
        byte[] frame = new byte[1000];
        for (int burst = 0; burst < 8; burst++)
        {
            memory.Clear();
            while (memory.Burst.Count < FrameBurst.FramesMax)
            {
                memory.Add(default, frame);
            }

            long counted = receiver.RxDevice.Counters.Descriptors;
            WorkWitness.Reset();
            Assert.Equal(FrameBurst.FramesMax, receiver.Port.Pairs[0].Rx.Deliver(memory.Burst, memory.Burst.AllFrames, null));
            Check(memory.Burst.Budget.Spent, receiver.RxDevice.Counters.Descriptors - counted);
            Assert.InRange(memory.Burst.Budget.Spent, 0, TurnBudget.Turn / 2);
        }

        ref FrameCounters counters = ref receiver.Port.Pairs[0].Rx.Counters;
        Assert.Equal(8 * FrameBurst.FramesMax, counters.Frames + counters.DroppedTotal);
        Assert.True(shape != RingShape.EmptiesThenOne || packed || counters.Drops[(int)DropReason.Budget] > 0, "no frame was dropped for what the ring cost");
    }

    [Theory]
    [MemberData(nameof(ShapesAndFormats))]
    public void ATurnThatReadsIntoAGuestsBuffersEnds(RingShape shape, bool packed)
    {
        GuestRig receiver = Guest("receiver", packed, VirtioNetFeatures.MRG_RXBUF);
        HostileRing.Fill(receiver, receiver.Rx, shape, write: true, new Random(5));
        using var context = new AioContext();
        BottomHalf waiter = context.CreateBottomHalf(() => { }, "waiter");
        var source = default(EndlessSource);
        for (int turn = 0; turn < 8; turn++)
        {
            long counted = receiver.RxDevice.Counters.Descriptors;
            WorkWitness.Reset();
            ReceiveResult result = receiver.Port.Pairs[0].Rx.ReceiveDirect(ref source, int.MaxValue, waiter, out _);
            Check(receiver.Port.Pairs[0].Rx.Spent, receiver.RxDevice.Counters.Descriptors - counted);
            Assert.NotEqual(ReceiveResult.SourceEmpty, result);
            if (result != ReceiveResult.Budget)
            {
                break;
            }
        }

        receiver.Stop();
    }

    /// <summary>A sender whose turn was expensive leaves the thread to others for as long.</summary>
    [Fact]
    public void AnExpensiveTurnIsFollowedByRoundsOff()
    {
        GuestRig sender = Guest("sender", packed: false, 0);
        _thread.Run(() =>
        {
            // Filled here, as the queue looks at its ring by itself when it starts.
            HostileRing.Fill(sender, sender.Tx, RingShape.EmptiesThenOne, write: false, new Random(0));
            TxQueue queue = sender.Port.Pairs[0].Tx;
            queue.Run();
            Assert.InRange(queue.Spent, TurnBudget.Turn / 4, TurnBudget.Turn);
            int rounds = queue.RoundsOff;
            Assert.Equal(queue.Spent / (TurnBudget.Turn / 16), rounds);
            long frames = sender.TxDevice.Counters.Chains;
            for (; rounds > 0; rounds--)
            {
                queue.Run();
                Assert.Equal(frames, sender.TxDevice.Counters.Chains);
            }

            queue.Run();
            Assert.True(sender.TxDevice.Counters.Chains > frames, "the queue did not go on after its rounds off");
            Assert.Equal(2, sender.TxDevice.Counters.SpentTurns);
        });
    }

    private void TakeTurns(GuestRig sender, Virtqueue tx, Virtqueue rx, int turns) => _thread.Run(() =>
    {
        TxQueue queue = sender.Port.Pairs[0].Tx;
        for (int turn = 0; turn < turns; turn++)
        {
            while (queue.RoundsOff > 0)
            {
                queue.Run();
            }

            long counted = tx.Counters.Descriptors + rx.Counters.Descriptors;
            WorkWitness.Reset();
            queue.Run();
            Check(queue.Spent, tx.Counters.Descriptors + rx.Counters.Descriptors - counted);
        }
    });

    /// <summary>What was taken keeps to the bound and is no less than what was done.</summary>
    private static void Check(long spent, long counted)
    {
        WorkWitness.Counts done = WorkWitness.Present;
        Assert.InRange(spent, 0, TurnBudget.Turn + TurnBudget.StepMax);
        if (!WorkWitness.IsOn)
        {
            return;
        }

        Assert.InRange(counted, done.Descriptors, done.Descriptors + (done.Descriptors / 4) + 4);
        long least = (done.Descriptors * TurnBudget.DescriptorCost) + ((done.Copies + done.Sums) * TurnBudget.DescriptorCost / 2)
            + ((done.CopiedBytes + done.SummedBytes) / TurnBudget.BytesPerUnit);
        Assert.True(spent >= least, $"{spent} units were taken for {done.Descriptors} descriptors, {done.Copies} copies of {done.CopiedBytes} bytes and {done.SummedBytes} bytes summed");
    }

    private GuestRig Guest(string name, bool packed, ulong features)
    {
        var guest = new GuestRig(name, Base | features | (packed ? VirtioFeatures.RING_PACKED : 0), _thread, RingSize);
        _guests.Add(guest);
        guest.Start();
        return guest;
    }

    /// <summary>A source that never runs dry.</summary>
    private struct EndlessSource : IFrameReader
    {
        public readonly int FrameSizeMax => 65550;

        public readonly int Read(nint segments, int count) => VirtioNetHeader.Size + 60;

        public readonly GuestSegment Overflow(uint offset) => default;

        // Of rings without room for it; the turn ends with that.
        public readonly void SetAside(in VirtioNetHeader header, nint segments, int count, uint length)
        {
        }
    }
}
