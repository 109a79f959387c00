using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>Scheduling, dispatching, notifying and arming timers allocate nothing.</summary>
[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void NothingIsAllocatedOnTheWay(FdMonitorKind kind) => TestLoop.Run(kind, false, static loop =>
    {
        AioContext context = loop.Context;
        using EventNotifier notifier = new();
        AioClock clock = AioClock.CreateVirtual();
        int calls = 0;
        Action count = () => calls++;
        BottomHalf bh = context.CreateBottomHalf(count, "bh");
        BottomHalf[] many = [.. Enumerable.Range(0, 20).Select(_ => context.CreateBottomHalf(count, "bh"))];
        AioTimer[] timers = [.. Enumerable.Range(0, 20).Select(_ => context.CreateTimer(clock, count))];
        context.SetEventNotifier(notifier, () => notifier.TestAndClear(), () => false, count);
        context.SetPollParameters(10_000, 0, 0);
        void Pass()
        {
            bh.Schedule();
            context.Poll(true);
            bh.ScheduleIdle();
            bh.Schedule();
            bh.Cancel();
            context.Poll(false);
            foreach (BottomHalf one in many)
            {
                one.Schedule();
            }

            context.Poll(false);
            context.ScheduleOneShot(count);
            context.Poll(false);
            for (int i = 0; i < timers.Length; i++)
            {
                timers[i].Modify(1 + (i * 7 % 5));
            }

            timers[3].Delete();
            context.Poll(false);
            timers[0].Modify(0);
            context.Poll(true);
            context.Notify();
            context.Poll(false);
            notifier.Set();
            context.Poll(true);
            _ = context.GetStatistics();
        }

        for (int i = 0; i < 300; i++)
        {
            Pass();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Pass();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        context.SetEventNotifier(notifier, null);
    });
}
