using VhostNet.Aio.Monitors;

namespace VhostNet.Aio.Tests;

/// <summary>async and await on the loop.</summary>
public sealed class AsyncTests
{
    /// <summary>QEMU's /aio/coroutine/queue-chaining: two coroutines enter each other 25,000 times; the stack does not grow.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void coroutine_queue_chaining(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        const int hops = 25_000;
        int a = 0;
        int b = 0;
        int deepest = 0;
        async Task Run(Action count)
        {
            for (int i = 0; i < hops; i++)
            {
                count();
                if (i % 1000 == 0)
                {
                    deepest = Math.Max(deepest, Environment.StackTrace.Length);
                }

                await loop.Context.SwitchTo();
            }
        }

        Task first = Run(() => Assert.InRange(++a - b, 0, 1));
        Task second = Run(() => Assert.InRange(a - ++b, 0, 1));
        int depth = deepest;
        while (!first.IsCompleted || !second.IsCompleted)
        {
            Assert.True(loop.Poll(true));
        }

        Assert.Equal((hops, hops), (a, b));
        Assert.True(first.IsCompletedSuccessfully && second.IsCompletedSuccessfully);

        // What is on the stack besides the frames of the first call: the loop and one continuation.
        Assert.InRange(deepest, depth, depth * 3);
    });

    /// <summary>The same with tasks that complete one another: resuming goes through the loop.</summary>
    [Fact]
    public void TasksThatCompleteEachOtherDoNotNest() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        const int hops = 25_000;
        TaskCompletionSource[] turns = [.. Enumerable.Range(0, (2 * hops) + 1).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
        async Task Run(int side)
        {
            for (int i = side; i < 2 * hops; i += 2)
            {
                await turns[i].Task;
                Assert.True(loop.Context.IsHomeThread);
                turns[i + 1].SetResult();
            }
        }

        Task[] tasks = [];
        loop.Context.SynchronizationContext.Post(_ => tasks = [Run(0), Run(1)], null);
        Assert.True(loop.Poll(true));
        turns[0].SetResult();
        while (!turns[^1].Task.IsCompleted)
        {
            loop.Poll(true);
        }

        loop.Drain();
        Assert.All(tasks, static t => Assert.True(t.IsCompletedSuccessfully));
    });

    /// <summary>QEMU's /aio/coroutine/worker-thread-co-enter: entered by a worker, it runs on the home thread.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void coroutine_worker_thread_co_enter(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        Thread? ranOn = null;
        async void Coroutine()
        {
            await loop.Context.SwitchTo();
            ranOn = Thread.CurrentThread;
        }

        loop.Drain();
        Thread worker = new(Coroutine);
        worker.Start();
        while (ranOn is null)
        {
            loop.Poll(true);
        }

        worker.Join();
        Assert.Same(Thread.CurrentThread, ranOn);
        Assert.False(loop.Poll(false));
    });

    [Theory]
    [MemberData(nameof(TestLoop.All), MemberType = typeof(TestLoop))]
    public void ContinuationsResumeInOrder(FdMonitorKind kind, bool outer) => TestLoop.Run(kind, outer, static loop =>
    {
        List<int> order = [];
        async Task Run(int i)
        {
            await loop.Context.SwitchTo();
            order.Add(i);
            await loop.Context.SwitchTo();
            order.Add(i + 100);
        }

        Task[] tasks = [.. Enumerable.Range(0, 50).Select(Run)];
        loop.Drain();
        Assert.Equal([.. Enumerable.Range(0, 50), .. Enumerable.Range(100, 50)], order);
        Assert.All(tasks, static t => Assert.True(t.IsCompletedSuccessfully));
    });

    /// <summary>After SwitchTo, awaiting something else comes back to the loop; the thread's own context is put back.</summary>
    [Fact]
    public void AwaitingComesBack() => TestLoop.Run(FdMonitorKind.Auto, false, static loop =>
    {
        bool done = false;
        async Task Run()
        {
            await loop.Context.SwitchTo();
            Assert.Same(loop.Context.SynchronizationContext, SynchronizationContext.Current);
            await Task.Run(static () => { });
            Assert.True(loop.Context.IsHomeThread);
            done = true;
        }

        Task task = Run();
        while (!done)
        {
            loop.Poll(true);
        }

        Assert.True(task.IsCompletedSuccessfully);
        Assert.Null(SynchronizationContext.Current);
    });

    [Fact]
    public async Task SendRunsOnTheHomeThreadAndThrowsHere()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "send" });
        thread.Start();
        string? name = null;
        await Task.Run(() => thread.Context.SynchronizationContext.Send(_ => name = Thread.CurrentThread.Name, null), TestContext.Current.CancellationToken);
        Assert.Equal("send", name);
        await Assert.ThrowsAsync<FormatException>(() => Task.Run(() => thread.Context.SynchronizationContext.Send(_ => throw new FormatException("x"), null)));
    }

    [Fact]
    public void SwitchToComparesByContext()
    {
        using AioContext a = new();
        using AioContext b = new();
        Assert.True(a.SwitchTo() == a.SwitchTo());
        Assert.True(a.SwitchTo() != b.SwitchTo());
        Assert.Equal(a.SwitchTo().GetHashCode(), a.SwitchTo().GetHashCode());
    }
}
