using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

public sealed class IoThreadTests
{
    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void RunsActionsOnItsThread(PollPolicy policy)
    {
        using IoThread thread = new(new IoThreadOptions { Name = "t0", Policy = policy });
        thread.Start();
        bool home = false;
        thread.Run(() => home = thread.Context.IsHomeThread && AioContext.Current == thread.Context);
        Assert.True(home);
        Assert.Throws<FormatException>(() => thread.Run(() => throw new FormatException("x")));
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void DispatchesNotifiersAndTimers(PollPolicy policy)
    {
        using IoThread thread = new(new IoThreadOptions { Name = "t0", Policy = policy });
        using EventNotifier notifier = new();
        using CountdownEvent fired = new(2);
        thread.Context.SetEventNotifier(notifier, () =>
        {
            Assert.True(notifier.TestAndClear());
            fired.Signal();
        });
        AioTimer timer = thread.Context.CreateTimer(AioClock.Monotonic, () => fired.Signal());
        thread.Start();
        notifier.Set();
        timer.Modify(AioClock.Monotonic.NowNs + 1_000_000);
        Assert.True(fired.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task AwaitingResumesOnTheThread()
    {
        using IoThread a = new(new IoThreadOptions { Name = "a" });
        using IoThread b = new(new IoThreadOptions { Name = "b" });
        a.Start();
        b.Start();
        async Task<string> Hop()
        {
            await a.Context.SwitchTo();
            string s = Thread.CurrentThread.Name!;
            await b.Context.SwitchTo();
            s += Thread.CurrentThread.Name;
            await Task.Run(static () => { });
            return s + Thread.CurrentThread.Name;
        }

        Assert.Equal("abb", await Hop().WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void PollsHandlersInUserSpace(PollPolicy policy)
    {
        using IoThread thread = new(new IoThreadOptions { Name = "t0", Policy = policy, PollMaxNs = 1_000_000_000 });
        using EventNotifier notifier = new();
        using AutoResetEvent handled = new(false);
        int work = 0;
        int polled = 0;
        int begun = 0;
        int ended = 0;
        void Handle()
        {
            if (Interlocked.Exchange(ref work, 0) != 0)
            {
                handled.Set();
            }
        }

        thread.Context.SetEventNotifier(
            notifier,
            () =>
            {
                notifier.TestAndClear();
                Handle();
            },
            () => Volatile.Read(ref work) != 0,
            () =>
            {
                polled++;
                Handle();
            });
        thread.Context.SetEventNotifierPollCallbacks(notifier, () => begun++, () => ended++);
        thread.Start();
        for (int i = 0; i < 100; i++)
        {
            // A driver that sees notifications suspended does not kick; here the kick always comes, so that the test does not depend on the mode.
            Volatile.Write(ref work, 1);
            notifier.Set();
            Assert.True(handled.WaitOne(TimeSpan.FromSeconds(10)));
        }

        thread.Run(() => thread.Context.SetEventNotifier(notifier, null));
        thread.Stop();
        Assert.Equal(begun, ended);
        if (policy == PollPolicy.Busy)
        {
            Assert.InRange(polled, 50, 100);
        }
    }

    [Fact]
    public void BindsToItsProcessor()
    {
        Assert.Equal(0, sched_getaffinity(out cpu_set_t allowed));
        int cpu = Enumerable.Range(0, 1024).Last(i => CPU_ISSET(i, allowed));
        using IoThread thread = new(new IoThreadOptions { Name = "pinned", Cpu = cpu });
        thread.Start();
        List<int> cpus = [];
        thread.Run(() =>
        {
            _ = sched_getaffinity(out cpu_set_t mine);
            cpus.AddRange(Enumerable.Range(0, 1024).Where(i => CPU_ISSET(i, mine)));
        });
        Assert.Equal([cpu], cpus);
    }

    [Fact]
    public void AProcessorThatIsNotThereIsNamed()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "nowhere", Cpu = 1023 });
        ErrnoException e = Assert.Throws<ErrnoException>(thread.Start);
        Assert.Contains("1023", e.Message, StringComparison.Ordinal);
        Assert.Equal(EINVAL, e.Errno.Value);
    }

    [Fact]
    public void MisuseIsTold()
    {
        IoThread thread = new(new IoThreadOptions { Name = "misused" });
        Assert.Contains("misused", Assert.Throws<InvalidOperationException>(() => thread.Run(() => { })).Message, StringComparison.Ordinal);
        thread.Stop();
        thread.Start();
        Assert.Throws<InvalidOperationException>(thread.Start);
        Assert.Throws<InvalidOperationException>(() => thread.Run(thread.Stop));
        bool nested = false;
        thread.Run(() => thread.Run(() => nested = true));
        Assert.True(nested);
        thread.Stop();
        thread.Stop();
        Assert.Throws<InvalidOperationException>(() => thread.Run(() => { }));
        thread.Dispose();
        thread.Dispose();
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void AnUnhandledExceptionIsHandedOverAndTheLoopGoesOn(PollPolicy policy)
    {
        using ManualResetEventSlim seen = new();
        Exception? error = null;
        using IoThread thread = new(new IoThreadOptions
        {
            Name = "throws",
            Policy = policy,
            UnhandledException = e =>
            {
                error = e;
                seen.Set();
            },
        });
        thread.Start();
        thread.Context.ScheduleOneShot(() => throw new FormatException("x"));
        Assert.True(seen.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.IsType<FormatException>(error);
        bool alive = false;
        thread.Run(() => alive = true);
        Assert.True(alive);
    }

    [Fact]
    public void ReportsWhatItDoes()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "counted", Policy = PollPolicy.Interrupt });
        thread.Start();
        for (int i = 0; i < 50; i++)
        {
            thread.Run(() => { });
        }

        AioStatistics statistics = thread.GetStatistics();
        Assert.True(statistics.BottomHalves >= 50);
        Assert.True(statistics.Polls > 0);
        Assert.True(statistics.Looks >= statistics.Sleeps);
        Assert.InRange(statistics.NotifierWrites, 1, statistics.Notifies);
        Assert.Equal(0, statistics.Pollings);
    }

    /// <summary>A busy thread makes no system call for its notifier, and leaves poll mode when it stops.</summary>
    [Fact]
    public void ABusyThreadNeedsNoWakeUp()
    {
        IoThread thread = new(new IoThreadOptions { Name = "busy", Policy = PollPolicy.Busy });
        using EventNotifier notifier = new();
        int polls = 0;
        bool polling = false;
        thread.Context.SetEventNotifier(notifier, () => notifier.TestAndClear(), () => polls++ < 0, () => { });
        thread.Context.SetEventNotifierPollCallbacks(notifier, () => polling = true, () => polling = false);
        thread.Start();
        int ran = 0;
        for (int i = 0; i < 200; i++)
        {
            thread.Run(() => ran++);
        }

        Assert.Equal(200, ran);
        Assert.True(polling);
        Assert.True(polls > 0);
        Assert.Equal(0, thread.GetStatistics().NotifierWrites);
        thread.Stop();
        Assert.False(polling);
        thread.Dispose();
    }

    /// <summary>Without somebody to hand it to, an exception that leaves the loop ends the process.</summary>
    [Fact]
    public void AnExceptionThatLeavesTheLoopEndsTheProcess()
    {
        using ManualResetEventSlim ended = new();
        string? message = null;
        Exception? error = null;
        IoThread thread = new(new IoThreadOptions
        {
            Name = "fatal",
            FailFast = (m, e) =>
            {
                (message, error) = (m, e);
                ended.Set();
            },
        });
        thread.Start();
        thread.Context.ScheduleOneShot(() => throw new FormatException("x"));
        Assert.True(ended.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.Contains("fatal", message, StringComparison.Ordinal);
        Assert.IsType<FormatException>(error);
        thread.Dispose();
        Assert.Equal(Environment.FailFast, new IoThreadOptions().FailFast);
    }

    [Fact]
    public void WaitsAreNotRoundedByTheKernel()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "exact" });
        thread.Start();
        int slack = 0;
        thread.Run(() => slack = prctl(PR_GET_TIMERSLACK, 0));
        Assert.Equal(1, slack);
    }
}
