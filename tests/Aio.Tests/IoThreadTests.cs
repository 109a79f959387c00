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
}
