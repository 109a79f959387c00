using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>
/// Other threads against the batch of timers that a pass has taken. The home thread is stopped inside a callback of the batch, so that the order of steps is the test's.
/// models/timer_batch.pml has all orders.
/// </summary>
public sealed class TimerBatchTests
{
    private const long Now = 1000;

    /// <summary>
    /// A timer that lies in the batch may be called at this very moment, and have read already what the caller wrote: its arming must not be taken for one that is to come. It
    /// fires for the old deadline, and again for the new one.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnticipatingOneInTheBatchArmsIt(FdMonitorKind kind)
    {
        Assert.Equal((1, 2), Fired(new AioFailpoints()));
        Assert.Equal((1, 1), Fired(new AioFailpoints { TrustBatch = true }));

        (int InThePass, int Later) Fired(AioFailpoints test)
        {
            (int, int) fired = default;
            Interleave(kind, test, static timer => timer.ModifyAnticipate(Now + 50), (clock, context, calls) =>
            {
                int inThePass = calls();
                clock.Advance(49);
                context.Poll(false);
                Assert.Equal(inThePass, calls());
                clock.Advance(1);
                context.Poll(false);
                fired = (inThePass, calls());
            });
            return fired;
        }
    }

    /// <summary>An anticipation never delays: the old firing stays due, also if the pass ends before its turn.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void AnticipatingOneInTheBatchDoesNotDelayIt(FdMonitorKind kind) => Interleave(
        kind,
        new AioFailpoints(),
        static timer => timer.ModifyAnticipate(Now + 50),
        (clock, context, calls) =>
        {
            // The first callback threw: the rest went back to the list.
            Assert.Equal(0, calls());
            context.Poll(false);
            Assert.Equal(1, calls());
            clock.Advance(50);
            context.Poll(false);
            Assert.Equal(1, calls());
        },
        throws: true);

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void MovingOneInTheBatchMovesIt(FdMonitorKind kind) => Interleave(kind, new AioFailpoints(), static timer => timer.Modify(Now + 50), (clock, context, calls) =>
    {
        Assert.Equal(0, calls());
        clock.Advance(50);
        context.Poll(false);
        Assert.Equal(1, calls());
        Assert.False(context.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void DeletingOneInTheBatchDeletesIt(FdMonitorKind kind) => Interleave(
        kind,
        new AioFailpoints(),
        static timer =>
        {
            timer.ModifyAnticipate(Now + 50);
            timer.Delete();
        },
        (clock, context, calls) =>
        {
            clock.Advance(50);
            Assert.False(context.Poll(false));
            Assert.Equal(0, calls());
        });

    /// <summary>Stops a pass in its first callback, when a second timer lies in the batch, and has another thread act on that one.</summary>
    private static void Interleave(FdMonitorKind kind, AioFailpoints test, Action<AioTimer> act, Action<AioClock, AioContext, Func<int>> then, bool throws = false) => TestLoop.OnThread(() =>
    {
        AioClock clock = AioClock.CreateVirtual(Now);
        using AioContext context = new(new AioContextOptions { FdMonitor = kind }, test);
        int calls = 0;
        AioTimer timer = context.CreateTimer(clock, () => calls++);
        AioTimer first = context.CreateTimer(clock, () =>
        {
            Assert.True(timer.IsPending);
            Thread other = new(() => act(timer));
            other.Start();
            other.Join();
            if (throws)
            {
                throw new FormatException("first");
            }
        });
        AioTimer before = context.CreateTimer(clock, static () => { });
        before.Modify(1);
        first.Modify(2);
        timer.Modify(3);
        if (throws)
        {
            Assert.Throws<FormatException>(() => context.Poll(false));
        }
        else
        {
            Assert.True(context.Poll(false));
        }

        then(clock, context, () => calls);
    });
}
