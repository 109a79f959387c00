namespace VhostNet.Aio.Tests;

public sealed class BackgroundThreadTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void WorkIsDoneInOrderByOneThread()
    {
        var background = new BackgroundThread("test");
        var done = new List<int>();
        var threads = new HashSet<int>();
        for (int i = 0; i < 1000; i++)
        {
            int number = i;
            Assert.True(background.TryPost(() =>
            {
                done.Add(number);
                threads.Add(Environment.CurrentManagedThreadId);
            }));
        }

        Assert.True(background.Drain(s_limit));
        Assert.Equal(Enumerable.Range(0, 1000), done);
        Assert.Single(threads);
        Assert.DoesNotContain(Environment.CurrentManagedThreadId, threads);
        Assert.Equal(0, background.Pending);
    }

    [Fact]
    public void WhatWaitsIsLimitedWhileAPieceIsHeldUp()
    {
        using var go = new ManualResetEventSlim();
        using var began = new ManualResetEventSlim();
        var background = new BackgroundThread("test", limit: 2);
        Assert.True(background.TryPost(() =>
        {
            began.Set();
            go.Wait();
        }));
        Assert.True(began.Wait(s_limit, TestContext.Current.CancellationToken));
        Assert.True(background.TryPost(() => { }));
        Assert.True(background.TryPost(() => { }));
        Assert.False(background.TryPost(() => { }));
        Assert.Equal(3, background.Pending);
        Assert.False(background.Drain(TimeSpan.Zero));
        go.Set();
        Assert.True(background.Drain(s_limit));
        Assert.True(background.TryPost(() => { }));
    }

    [Fact]
    public void AnExceptionIsCountedAndTheNextPieceIsDone()
    {
        using var idle = new ManualResetEventSlim();
        var background = new BackgroundThread("test");
        background.Idle += idle.Set;
        bool done = false;
        background.TryPost(() => throw new InvalidOperationException("no"));
        background.TryPost(() => done = true);
        Assert.True(background.Drain(s_limit));
        Assert.True(idle.Wait(s_limit, TestContext.Current.CancellationToken));
        Assert.True(done);
        Assert.Equal(1, background.Faults);
    }
}
