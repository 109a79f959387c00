using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>The cases of QEMU's test-aio, under their names, on every monitor, plain and through the outer loop (there: /aio-gsource).</summary>
public sealed class AioTests
{
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_schedule(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        BhTest data = new(loop.Context);
        data.Bh.Schedule();
        Assert.Equal(0, data.Calls);
        Assert.True(loop.Poll(true));
        Assert.Equal(1, data.Calls);
        Assert.False(loop.Poll(false));
        Assert.Equal(1, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_schedule10(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        BhTest data = new(loop.Context) { Max = 10 };
        data.Bh.Schedule();
        Assert.Equal(0, data.Calls);
        Assert.True(loop.Poll(false));
        Assert.Equal(1, data.Calls);
        Assert.True(loop.Poll(true));
        Assert.Equal(2, data.Calls);
        while (data.Calls < 10)
        {
            Assert.True(loop.Poll(true));
        }

        Assert.Equal(10, data.Calls);
        Assert.False(loop.Poll(false));
        Assert.Equal(10, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_cancel(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        BhTest data = new(loop.Context);
        data.Bh.Schedule();
        data.Bh.Cancel();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, data.Calls);

        data.Bh.Schedule();
        data.Bh.Cancel();
        data.Bh.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(1, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_delete(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        BhTest data = new(loop.Context);
        data.Bh.Schedule();
        data.Bh.Delete();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, data.Calls);
        data.Bh.Schedule();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_callback_delete_one(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        BhTest data = new(loop.Context) { DeletesItself = true };
        data.Bh.Schedule();
        Assert.True(loop.Poll(true));
        Assert.Equal(1, data.Calls);
        Assert.True(data.IsDeleted);
        Assert.False(loop.Poll(false));
        Assert.Equal(1, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_callback_delete_many(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        int[] max = [1, 3, 2, 4];
        BhTest[] data = [.. max.Select(m => new BhTest(loop.Context) { DeletesItself = true, Max = m })];
        Array.ForEach(data, static d => d.Bh.Schedule());
        Assert.True(loop.Poll(false));
        Assert.All(data, static d => Assert.Equal(1, d.Calls));
        Assert.True(data[0].IsDeleted);
        while (data.Any(static d => !d.IsDeleted))
        {
            Assert.True(loop.Poll(true));
        }

        Assert.Equal(max, data.Select(static d => d.Calls));
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void bh_flush(FdMonitorKind kind, bool outer) => bh_schedule(kind, outer);

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void event_add_remove(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventTest data = new(loop);
        loop.Drain();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, data.Calls);
        data.Remove();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void event_wait(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventTest data = new(loop) { Active = 1 };
        loop.Drain();
        Assert.Equal(0, data.Calls);
        Assert.Equal(1, data.Active);
        data.Notifier.Set();
        Assert.True(loop.Poll(false));
        Assert.Equal(1, data.Calls);
        Assert.Equal(0, data.Active);
        Assert.False(loop.Poll(false));
        Assert.Equal(1, data.Calls);
        data.Remove();
        Assert.False(loop.Poll(false));
        Assert.Equal(1, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void event_wait_no_flush_cb(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventTest data = new(loop);
        using EventTest dummy = new(loop) { Active = 1 };
        loop.Drain();
        for (int i = 1; i <= 2; i++)
        {
            data.Notifier.Set();
            Assert.True(loop.Poll(true));
            Assert.Equal(i, data.Calls);
            Assert.False(loop.Poll(false));
        }

        dummy.Notifier.Set();
        while (dummy.Active > 0)
        {
            loop.Poll(true);
        }

        Assert.Equal(2, data.Calls);
        Assert.Equal(1, dummy.Calls);
        data.Remove();
        dummy.Remove();
        Assert.False(loop.Poll(false));
        Assert.Equal(2, data.Calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void event_flush(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        using EventTest data = new(loop) { Active = 10, AutoSet = true };
        loop.Drain();
        Assert.Equal(0, data.Calls);
        data.Notifier.Set();
        Assert.True(loop.Poll(true));
        Assert.Equal(1, data.Calls);
        Assert.Equal(9, data.Active);
        Assert.True(loop.Poll(true));
        while (data.Active > 0)
        {
            Assert.True(loop.Poll(true));
        }

        Assert.Equal(10, data.Calls);
        Assert.False(loop.Poll(false));
        data.Remove();
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void timer_schedule(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        const long step = 750_000_000;
        AioClock clock = AioClock.CreateVirtual();
        using EventTest dummy = new(loop);
        int calls = 0;
        AioTimer timer = null!;
        timer = loop.Context.CreateTimer(clock, () =>
        {
            if (++calls < 2)
            {
                timer.Modify(clock.NowNs + step);
            }
        });
        timer.Modify(clock.NowNs + step);
        loop.Drain();
        Assert.False(loop.Poll(false));
        Assert.Equal(0, calls);

        // The time passes without a pass.
        clock.Advance(1_000_000_000);
        Assert.Equal(0, calls);
        Assert.True(loop.Poll(false));
        Assert.Equal(1, calls);
        loop.Drain();
        Assert.False(loop.Poll(false));
        Assert.Equal(1, calls);
        clock.Advance(1_000_000_000);
        Assert.True(loop.Poll(true));
        Assert.Equal(2, calls);
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void timer_schedule_realtime(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        foreach (AioClock clock in (AioClock[])[AioClock.Realtime, AioClock.Monotonic])
        {
            bool fired = false;
            AioTimer timer = loop.Context.CreateTimer(clock, () => fired = true);
            long deadline = clock.NowNs + 20_000_000;
            timer.Modify(deadline);
            while (!fired)
            {
                loop.Poll(true);
            }

            Assert.True(clock.NowNs >= deadline);
            Assert.False(timer.IsPending);
        }
    });

    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void gsource_flush(FdMonitorKind kind) => TestLoop.Run(kind, true, static loop =>
    {
        Assert.False(loop.Poll(false));
        loop.Context.Notify();
        loop.Drain();
        Assert.False(loop.Poll(false));
    });

    /// <summary>A bare notify ends a wait and is no progress.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void notify(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        loop.Context.Notify();
        Assert.False(loop.Poll(true));
        Assert.False(loop.Poll(false));
    });

    private sealed class BhTest
    {
        public BhTest(AioContext context) => Bh = context.CreateBottomHalf(Callback, "test");

        public BottomHalf Bh { get; }

        public int Max { get; init; }

        public bool DeletesItself { get; init; }

        public int Calls { get; private set; }

        public bool IsDeleted { get; private set; }

        private void Callback()
        {
            Assert.False(IsDeleted);
            if (++Calls < Max)
            {
                Bh.Schedule();
            }
            else if (DeletesItself)
            {
                Bh.Delete();
                IsDeleted = true;
            }
        }
    }

    private sealed class EventTest : IDisposable
    {
        private readonly TestLoop _loop;

        public EventTest(TestLoop loop)
        {
            _loop = loop;
            Notifier = loop.CreateNotifier();
            loop.Context.SetEventNotifier(Notifier, Ready);
        }

        public EventNotifier Notifier { get; }

        public int Calls { get; private set; }

        public int Active { get; set; }

        public bool AutoSet { get; init; }

        public void Remove() => _loop.Context.SetEventNotifier(Notifier, null);

        public void Dispose()
        {
            Remove();
            Notifier.Dispose();
        }

        private void Ready()
        {
            Assert.True(Notifier.TestAndClear());
            Calls++;
            if (Active > 0)
            {
                Active--;
                if (AutoSet && Active > 0)
                {
                    Notifier.Set();
                }
            }
        }
    }
}
