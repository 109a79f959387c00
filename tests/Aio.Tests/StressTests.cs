using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>Several threads at once: nothing is lost, and nothing runs after it was deleted.</summary>
[Collection(nameof(Alone))]
public sealed class StressTests
{
    private const int Threads = 3;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    public static TheoryData<FdMonitorKind, PollPolicy> Loops()
    {
        TheoryData<FdMonitorKind, PollPolicy> data = [];
        foreach (FdMonitorKind kind in Enum.GetValues<FdMonitorKind>())
        {
            foreach (PollPolicy policy in Enum.GetValues<PollPolicy>())
            {
                if (kind != FdMonitorKind.WaitHandles || policy == PollPolicy.Interrupt)
                {
                    data.Add(kind, policy);
                }
            }
        }

        return data;
    }

    /// <summary>Whatever was written before a schedule has been seen by the callback in the end.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public void NoScheduleIsLost(FdMonitorKind kind, PollPolicy policy)
    {
        const int bottomHalves = 8;
        int rounds = policy == PollPolicy.Busy ? 2000 : 20_000;
        using IoThread loop = Start(kind, policy);
        long[] work = new long[bottomHalves];
        long[] seen = new long[bottomHalves];
        BottomHalf[] bhs = [.. Enumerable.Range(0, bottomHalves).Select(i => loop.Context.CreateBottomHalf(() => seen[i] = Volatile.Read(ref work[i]), $"{i}"))];
        OnThreads(t =>
        {
            Random random = new(t);
            for (int i = 0; i < rounds; i++)
            {
                int bh = random.Next(bottomHalves);
                Interlocked.Increment(ref work[bh]);
                bhs[bh].Schedule();
                Pause(random);
            }
        });
        Settle(loop);
        Assert.Equal(work, seen);
        Assert.Equal(Threads * rounds, work.Sum());
    }

    /// <summary>A ping that waits for its pong, from several threads: a lost wake-up would hang it.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public void NoWakeUpIsLost(FdMonitorKind kind, PollPolicy policy)
    {
        int rounds = policy == PollPolicy.Busy ? 50 : 1500;
        using IoThread loop = Start(kind, policy);
        OnThreads(t =>
        {
            using AutoResetEvent pong = new(false);
            BottomHalf bh = loop.Context.CreateBottomHalf(() => pong.Set(), $"{t}");
            Random random = new(t);
            for (int i = 0; i < rounds; i++)
            {
                bh.Schedule();
                Assert.True(pong.WaitOne(TimeSpan.FromSeconds(10)), "A wake-up was lost.");
                Pause(random);
            }
        });
    }

    /// <summary>One shots from everywhere run exactly once, those of one thread in order.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public void OneShotsRunOnceAndInOrder(FdMonitorKind kind, PollPolicy policy)
    {
        int rounds = policy == PollPolicy.Busy ? 2000 : 20_000;
        using IoThread loop = Start(kind, policy);
        int[] next = new int[Threads];
        int wrong = 0;
        OnThreads(t =>
        {
            for (int i = 0; i < rounds; i++)
            {
                int me = i;
                loop.Context.ScheduleOneShot(() => wrong += next[t]++ == me ? 0 : 1);
            }
        });
        Settle(loop);
        Assert.Equal(0, wrong);
        Assert.All(next, n => Assert.Equal(rounds, n));
    }

    /// <summary>Cancel and delete race with schedule and with the loop. Once the loop has passed after a delete, the callback never runs again.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public void NothingRunsAfterItsDelete(FdMonitorKind kind, PollPolicy policy)
    {
        int rounds = policy == PollPolicy.Busy ? 20 : 300;
        using IoThread loop = Start(kind, policy);
        int late = 0;
        OnThreads(t =>
        {
            Random random = new(t);
            for (int i = 0; i < rounds; i++)
            {
                bool over = false;
                BottomHalf bh = loop.Context.CreateBottomHalf(() => late += Volatile.Read(ref over) ? 1 : 0, "victim");
                for (int j = random.Next(20); j >= 0; j--)
                {
                    switch (random.Next(3))
                    {
                        case 0:
                            bh.Cancel();
                            break;
                        case 1:
                            bh.ScheduleIdle();
                            break;
                        default:
                            bh.Schedule();
                            break;
                    }
                }

                bh.Delete();
                bh.Schedule();
                loop.Run(() => Volatile.Write(ref over, true));
                bh.Schedule();
            }
        });
        Settle(loop);
        Assert.Equal(0, late);
    }

    /// <summary>Threads go on to schedule, notify and arm while the context ends.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.Monitors), MemberType = typeof(TestLoop))]
    public void DisposeRacesWithEverything(FdMonitorKind kind)
    {
        for (int round = 0; round < 30; round++)
        {
            IoThread loop = Start(kind, PollPolicy.Interrupt);
            AioContext context = loop.Context;
            int late = 0;
            bool over = false;
            using CountdownEvent busy = new(Threads);
            bool stop = false;
            void Hammer()
            {
                BottomHalf bh = context.CreateBottomHalf(() => late += Volatile.Read(ref over) ? 1 : 0, "bh");
                AioTimer timer = context.CreateTimer(AioClock.Monotonic, () => late += Volatile.Read(ref over) ? 1 : 0);
                busy.Signal();
                while (!Volatile.Read(ref stop))
                {
                    bh.Schedule();
                    context.Notify();
                    timer.Modify(0);
                    context.ScheduleOneShot(() => late += Volatile.Read(ref over) ? 1 : 0);
                }
            }

            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(Hammer))];
            Array.ForEach(threads, static t => t.Start());
            Assert.True(busy.Wait(s_limit, TestContext.Current.CancellationToken));
            loop.Run(context.Dispose);
            Volatile.Write(ref over, true);
            loop.Dispose();
            Volatile.Write(ref stop, true);
            Array.ForEach(threads, static t => Assert.True(t.Join(s_limit)));
            Assert.Equal(0, late);
        }
    }

    /// <summary>Handlers are added, changed and removed by several threads while their notifiers fire.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public void HandlersChangeUnderTheLoop(FdMonitorKind kind, PollPolicy policy)
    {
        int rounds = policy == PollPolicy.Busy ? 20 : 400;
        using IoThread loop = Start(kind, policy);
        int foreign = 0;
        OnThreads(t =>
        {
            Random random = new(t);
            for (int i = 0; i < rounds; i++)
            {
                EventNotifier notifier = kind == FdMonitorKind.WaitHandles ? EventNotifier.CreatePortable() : new EventNotifier();
                using AutoResetEvent called = new(false);
                bool useful = random.Next(2) == 0;
                loop.Context.SetEventNotifier(notifier, () => foreign += loop.Context.IsHomeThread ? 0 : 1);
                loop.Context.SetEventNotifier(
                    notifier,
                    () =>
                    {
                        notifier.TestAndClear();
                        called.Set();
                    },
                    useful ? Never : null,
                    useful ? Nothing : null);
                notifier.Set();
                Assert.True(called.WaitOne(TimeSpan.FromSeconds(10)), "The handler was not called.");
                notifier.Set();

                // After the removal and one pass nothing of it is in use, and the descriptor can be closed.
                loop.Context.SetEventNotifier(notifier, null);
                loop.Run(static () => { });
                notifier.Dispose();
            }
        });
        Assert.Equal(0, foreign);
        Assert.Equal(0, loop.GetStatistics().HandlersLost);
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public void TimersAreArmedFromEverywhere(FdMonitorKind kind, PollPolicy policy)
    {
        int rounds = policy == PollPolicy.Busy ? 20 : 400;
        using IoThread loop = Start(kind, policy);
        OnThreads(t =>
        {
            Random random = new(t);
            using AutoResetEvent fired = new(false);
            AioTimer timer = loop.Context.CreateTimer(AioClock.Monotonic, () => fired.Set());
            AioTimer other = loop.Context.CreateTimer(AioClock.Realtime, () => { });
            for (int i = 0; i < rounds; i++)
            {
                timer.Modify(AioClock.Monotonic.NowNs + 1_000_000_000_000);
                other.Modify(random.NextInt64(long.MaxValue / 2));
                timer.ModifyAnticipate(AioClock.Monotonic.NowNs + random.Next(200_000));
                Assert.True(fired.WaitOne(TimeSpan.FromSeconds(10)), "The timer did not fire.");
                other.Delete();
            }
        });
    }

    /// <summary>QEMU's /aio/multi/lifecycle: contexts come and go, also several at the same time.</summary>
    [Fact]
    public void aio_multi_lifecycle() => OnThreads(_ =>
    {
        for (int round = 0; round < 20; round++)
        {
            IoThread[] loops = [.. Enumerable.Range(0, 5).Select(i => new IoThread(new IoThreadOptions { Name = $"m{i}", PollMaxNs = 0 }))];
            int[] ids = new int[5];
            for (int i = 0; i < 5; i++)
            {
                int me = i;
                loops[i].Start();
                loops[i].Run(() => ids[me] = Environment.CurrentManagedThreadId);
            }

            Assert.Equal(5, ids.Distinct().Count());
            Array.ForEach(loops, static l => l.Dispose());
        }
    });

    /// <summary>QEMU's /aio/multi/schedule, with tokens that do not die out: five tasks hop from context to context for ever.</summary>
    [Theory]
    [MemberData(nameof(Loops))]
    public async Task aio_multi_schedule(FdMonitorKind kind, PollPolicy policy)
    {
        // Busy threads that share processors wait for their turn at every hop.
        int hops = policy == PollPolicy.Busy ? 50 : 3000;
        IoThread[] loops = [.. Enumerable.Range(0, Threads).Select(_ => Start(kind, policy))];
        try
        {
            async Task<int> Token(int seed)
            {
                Random random = new(seed);
                for (int i = 0; i < hops; i++)
                {
                    IoThread next = loops[random.Next(Threads)];
                    await next.Context.SwitchTo();
                    Assert.True(next.Context.IsHomeThread);
                }

                return hops;
            }

            int[] done = await Task.WhenAll(Enumerable.Range(0, 5).Select(Token)).WaitAsync(s_limit, TestContext.Current.CancellationToken);
            Assert.Equal(5 * hops, done.Sum());
        }
        finally
        {
            Array.ForEach(loops, static l => l.Dispose());
        }
    }

    /// <summary>QEMU's /aio/multi/mutex: an asynchronous mutex keeps a plain counter right across contexts.</summary>
    [Theory]
    [InlineData("contended", 3)]
    [InlineData("handoff", 2)]
    public async Task aio_multi_mutex(string name, int contexts)
    {
        const int rounds = 3000;
        Assert.NotEmpty(name);
        IoThread[] loops = [.. Enumerable.Range(0, contexts).Select(_ => Start(FdMonitorKind.Auto, PollPolicy.Adaptive))];
        using SemaphoreSlim mutex = new(1);
        int counter = 0;
        int atomic = 0;
        try
        {
            async Task Contend(AioContext context)
            {
                await context.SwitchTo();
                for (int i = 0; i < rounds; i++)
                {
                    await mutex.WaitAsync();
                    Assert.True(context.IsHomeThread);
                    counter++;
                    mutex.Release();
                    Interlocked.Increment(ref atomic);
                }
            }

            await Task.WhenAll(loops.Select(l => Contend(l.Context))).WaitAsync(s_limit, TestContext.Current.CancellationToken);
            Assert.Equal(contexts * rounds, counter);
            Assert.Equal(counter, atomic);
        }
        finally
        {
            Array.ForEach(loops, static l => l.Dispose());
        }
    }

    private static IoThread Start(FdMonitorKind kind, PollPolicy policy)
    {
        IoThread loop = new(new IoThreadOptions { Name = "stress", Policy = policy, Context = new AioContextOptions { FdMonitor = kind } });
        loop.Start();
        return loop;
    }

    /// <summary>What was scheduled before has run; what that scheduled, too.</summary>
    private static void Settle(IoThread loop)
    {
        for (int i = 0; i < 3; i++)
        {
            loop.Run(static () => { });
        }
    }

    private static bool Never() => false;

    private static void Nothing()
    {
    }

    private static void Pause(Random random)
    {
        if (random.Next(64) == 0)
        {
            Thread.SpinWait(random.Next(2000));
        }
    }

    private static void OnThreads(Action<int> body)
    {
        List<Exception> errors = [];
        void Run(int t)
        {
            try
            {
                body(t);
            }
            catch (Exception e)
            {
                lock (errors)
                {
                    errors.Add(e);
                }
            }
        }

        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() => Run(t)) { IsBackground = true })];
        Array.ForEach(threads, static t => t.Start());
        Array.ForEach(threads, static t => Assert.True(t.Join(s_limit), "A thread hangs."));
        Assert.Empty(errors);
    }
}
