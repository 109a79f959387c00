using System.Buffers.Binary;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.Datapath;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

/// <summary>Guests on threads of their own behind one switch.</summary>
public sealed class SwitchThreadTests
{
    private const int Window = 32;
    private const int Rounds = 300;
    private const uint BufferSize = 2048;
    private const ulong Features = VirtioFeatures.VERSION_1 | VirtioFeatures.EVENT_IDX;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    public void FlowsKeepTheirOrderWhileAReceiverStandsStill(PollPolicy policy)
    {
        IoThread[] threads = [.. "abc".Select(n => new IoThread(new IoThreadOptions { Name = $"{n}", Policy = policy }))];
        Array.ForEach(threads, t => t.Start());
        using var place = new SwitchNetwork("sw");
        GuestRig[] guests = [.. threads.Select((t, i) => new GuestRig($"g{i}", Features, t, ringSize: 128))];
        foreach (GuestRig guest in guests)
        {
            place.Attach(guest.Port);
            guest.Start();
        }

        // The third guest runs and never offers a buffer.
        Post(guests[0], 128);
        Post(guests[1], 128);
        for (int round = 0; round < Rounds; round++)
        {
            Send(guests[0], 0, 1, round * Window);
            Send(guests[1], 1, 0, round * Window);
            Receive(guests[1], 0, round * Window);
            Receive(guests[0], 1, round * Window);
        }

        // Every fourth frame was for everybody, and the very first ones too, since nobody was known.
        guests[2].Port.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal(0, sent.Frames);
        Assert.InRange(sent.Drops[(int)DropReason.NoBuffers], 2 * Rounds * Window / 4, (2 * Rounds * Window / 4) + (2 * Window));
        Assert.Equal(sent.DroppedTotal, sent.Drops[(int)DropReason.NoBuffers]);
        foreach (GuestRig guest in guests)
        {
            place.Detach(guest.Port);
            guest.Dispose();
        }

        Array.ForEach(threads, t => t.Dispose());
    }

    /// <summary>The guest offers its buffers after the sender looked for the first time: only a sender that looks again finds them.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 2)]
    [InlineData(32, 2)]
    public void AGuestThatIsLateIsLookedAtAgainAsOftenAsAskedFor(int retries, int expected)
    {
        using var memory = new BurstMemory();
        using var thread = new IoThread(new IoThreadOptions { Name = "rx", Policy = PollPolicy.Interrupt });
        thread.Start();
        using var guest = new GuestRig("late", Features, thread);
        using var ring = new InterposedVirtqueue(guest.RxDevice) { AfterPeek = () => Post(guest, 8) };
        guest.Port.Device.StartQueue(ring);
        using var sender = new FakePort("sender");
        using var place = new SwitchNetwork("sw");
        place.Attach(guest.Port, new SwitchPortOptions { Retries = retries });
        place.Attach(sender);
        memory.Add(default, Frame(Station(1), Broadcast));
        memory.Add(default, Frame(Station(1), Broadcast));
        Assert.Equal(2, sender.Send(memory.Burst));
        guest.Port.ReadCounters(out _, out FrameCounters sent);
        Assert.Equal((expected, 2 - expected), ((int)sent.Frames, (int)sent.Drops[(int)DropReason.NoBuffers]));
        place.Detach(guest.Port);
        Assert.Equal(0, guest.Port.EgressRetries);
        guest.Port.Device.StopQueue(ring);
    }

    /// <summary>A sender that waits for the receiver's thread to see new buffers still is woken when that thread stops looking for them.</summary>
    [Theory]
    [InlineData(PollPolicy.Busy, PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Busy, PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Interrupt, PollPolicy.Busy)]
    public void AWaitingSenderIsWokenWhateverThePollPolicyBecomes(PollPolicy before, PollPolicy after)
    {
        using var memory = new BurstMemory();
        using var context = new AioContext();
        context.BindToCurrentThread();
        int woken = 0;
        BottomHalf waiter = context.CreateBottomHalf(() => woken++, "waiter");
        using var thread = new IoThread(new IoThreadOptions { Name = "rx", Policy = before });
        thread.Start();
        using var guest = new GuestRig("guest", Features, thread);
        guest.Start();
        memory.Add(default, new byte[100]);
        RxQueue queue = guest.Port.Pairs[0].Rx;
        Assert.Equal(0, queue.Deliver(memory.Burst, memory.Burst.AllFrames, waiter));
        thread.SetPolicy(after, 1000);
        Assert.Equal(after, thread.Policy);
        Run(context, () => woken > 0);
        woken = 0;
        Assert.Equal(0, queue.Deliver(memory.Burst, memory.Burst.AllFrames, waiter));
        Post(guest, 1);
        guest.Rx.KickIfWanted();
        Run(context, () => woken > 0);
        Assert.Equal(1, queue.Deliver(memory.Burst, memory.Burst.AllFrames, waiter));
        guest.Stop();
    }

    private static void Run(AioContext context, Func<bool> until)
    {
        AioTimer limit = context.CreateTimer(AioClock.Monotonic, () => Assert.Fail("nobody was woken"));
        limit.Modify(AioClock.Monotonic.NowNs + ((long)s_timeout.TotalMilliseconds * 1_000_000));
        while (!until())
        {
            context.Poll(true);
        }

        limit.Delete();
    }

    private static void Post(GuestRig guest, int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong at = guest.Memory.Allocate(BufferSize);
            Assert.True(guest.Rx.Add([new GuestBuffer(at, BufferSize, true)], at) >= 0);
        }

        guest.Rx.Publish();
    }

    private static void Send(GuestRig guest, int from, int to, int first)
    {
        ulong area = guest.Memory.Allocate(Window * BufferSize);
        for (int i = 0; i < Window; i++)
        {
            ulong at = area + (ulong)(i * BufferSize);
            byte[] frame = Frame(Station(from), i % 4 == 0 ? Broadcast : Station(to));
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(frame.Length - 4), first + i);
            guest.Memory.Bytes(at, guest.HeaderSize).Clear();
            guest.Memory.Write(at + (ulong)guest.HeaderSize, frame);
            Assert.True(guest.Tx.Add([new GuestBuffer(at, (uint)(guest.HeaderSize + frame.Length), false)], at) >= 0);
        }

        guest.Tx.Publish();
        guest.Tx.KickIfWanted();
        var used = new UsedChain[1];
        for (int i = 0; i < Window; i++)
        {
            Assert.Equal(1, guest.Tx.WaitForUsed(used, s_timeout));
        }

        guest.Memory.Free(area, Window * BufferSize);
    }

    private static void Receive(GuestRig guest, int from, int first)
    {
        var used = new UsedChain[1];
        for (int i = 0; i < Window; i++)
        {
            Assert.True(guest.Rx.WaitForUsed(used, s_timeout) == 1, $"{i} of {Window} frames came");
            Span<byte> frame = guest.Memory.Bytes(used[0].Cookie, (int)used[0].Length)[guest.HeaderSize..];
            Assert.Equal((from, first + i), (frame[11], BinaryPrimitives.ReadInt32BigEndian(frame[^4..])));
            Assert.True(guest.Rx.Add([new GuestBuffer(used[0].Cookie, BufferSize, true)], used[0].Cookie) >= 0);
            guest.Rx.Publish();
            guest.Rx.KickIfWanted();
        }
    }
}
