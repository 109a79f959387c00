using VhostNet.Aio;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

/// <summary>Who waits for a ring's lock, for how long, and what then.</summary>
public sealed class RingLockTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void WhoAsksGivesUpAfterItsTime()
    {
        var ring = new RingLock();
        ring.Enter();
        Assert.False(ring.TryEnterFor(0));
        Assert.False(ring.TryEnter());
        ring.Exit();
        Assert.True(ring.TryEnter());
        ring.Exit();
        Assert.True(ring.TryEnterFor(0));
        ring.Exit();
    }

    /// <summary>A thread that takes the lock again and again does not take it once more while somebody asks.</summary>
    [Fact]
    public void WhoAsksIsLetInFirst()
    {
        var ring = new RingLock();
        for (int round = 0; round < 200; round++)
        {
            ring.Enter();
            int got = 0;
            using var asks = new ManualResetEventSlim();
            var thread = new Thread(() =>
            {
                asks.Set();
                Assert.True(ring.TryEnterFor((long)s_patience.TotalNanoseconds));
                Volatile.Write(ref got, 1);
                ring.Exit();
            });
            thread.Start();
            Assert.True(asks.Wait(s_patience));
            SpinWait.SpinUntil(() => ring.IsAskedFor, s_patience);
            Assert.True(ring.IsAskedFor);
            ring.Exit();
            SpinWait.SpinUntil(ring.TryEnter, s_patience);
            Assert.Equal(1, Volatile.Read(ref got));
            ring.Exit();
            thread.Join();
        }
    }

    /// <summary>
    /// A data thread is in a turn that does not end: the control thread does not spin for it but asks, and what it wants is done by that thread, after the turn.
    /// </summary>
    [Fact]
    public void TheControlThreadAsksTheRingsThreadWhenTheLockIsNotToBeHad()
    {
        using var pair = new RingPair(VirtioFeatures.VERSION_1);
        using var thread = new IoThread(new IoThreadOptions { Name = "data", Policy = PollPolicy.Interrupt });
        thread.Start();
        Virtqueue queue = pair.Device;
        var slot = default(RingSlot);
        slot.Put(queue, thread);
        using var inTurn = new ManualResetEventSlim();
        using var endTurn = new ManualResetEventSlim();
        thread.Context.ScheduleOneShot(
            () =>
            {
                Assert.True(slot.TryLock(out LockedRing ring));
                inTurn.Set();
                Assert.True(endTurn.Wait(s_patience));
                ring.Dispose();
            },
            "turn");
        Assert.True(inTurn.Wait(s_patience));
        bool onDataThread = false;
        var control = new Thread(() =>
        {
            queue.RunLocked(locked => onDataThread = thread.Context.IsHomeThread && ReferenceEquals(locked, queue));
        });
        control.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref queue.Counters.ControlRequests) == 1, s_patience);
        Assert.Equal(1, queue.Counters.ControlRequests);
        Assert.True(control.IsAlive);

        // Who only wants to show the ring waits for nobody.
        Assert.Equal(queue.Base, slot.View!.Base);
        endTurn.Set();
        Assert.True(control.Join(s_patience));
        Assert.True(onDataThread);
    }

    /// <summary>The thread that works on the ring has ended; another one is just leaving the ring.</summary>
    [Fact]
    public void NobodyIsAskedWhoHasEnded()
    {
        using var pair = new RingPair(VirtioFeatures.VERSION_1);
        using var thread = new IoThread(new IoThreadOptions { Name = "data", Policy = PollPolicy.Interrupt });
        thread.Start();
        var slot = default(RingSlot);
        slot.Put(pair.Device, thread);
        thread.Stop();
        pair.Device.Lock.Enter();
        bool ran = false;
        var control = new Thread(() => pair.Device.RunLocked(_ => ran = true));
        control.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref pair.Device.Counters.ControlRequests) == 1, s_patience);
        Assert.False(ran);
        pair.Device.Lock.Exit();
        Assert.True(control.Join(s_patience));
        Assert.True(ran);
    }

    [Fact]
    public void AnExceptionLeavesNoLockTaken()
    {
        using var pair = new RingPair(VirtioFeatures.VERSION_1);
        Assert.Throws<InvalidOperationException>(() => pair.Device.RunLocked(_ => throw new InvalidOperationException()));
        Assert.True(pair.Device.Lock.TryEnter());
        pair.Device.Lock.Exit();
    }

    [Fact]
    public void ASlotGivesOnlyTheRingThatIsInIt()
    {
        using var pair = new RingPair(VirtioFeatures.VERSION_1);
        using var other = new RingPair(VirtioFeatures.VERSION_1);
        using var thread = new IoThread(new IoThreadOptions { Name = "data", Policy = PollPolicy.Interrupt });
        thread.Start();
        var slot = default(RingSlot);
        Assert.True(slot.IsEmpty);
        Assert.False(slot.TryLock(out _));
        Assert.False(slot.TryLockNow(out _));
        slot.Put(pair.Device, thread);
        Assert.Throws<InvalidOperationException>(() => slot.Put(other.Device, thread));
        Assert.Same(pair.Device.View, slot.View);
        Assert.True(slot.TryLock(out LockedRing ring));
        Assert.Same(pair.Device, ring.Queue);
        Assert.False(slot.TryLockNow(out _));
        slot.Clear(ring);
        ring.Dispose();
        Assert.True(slot.IsEmpty);
        Assert.Null(slot.View);
        Assert.False(slot.TryLock(out _));
        Assert.True(pair.Device.Lock.TryEnter());
        pair.Device.Lock.Exit();
    }
}
