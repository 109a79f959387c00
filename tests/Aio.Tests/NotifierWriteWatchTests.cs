namespace VhostNet.Aio.Tests;

/// <summary>A front end fills the counter of an eventfd that it shares with us and makes it blocking: our next write waits for ever, unless somebody looks.</summary>
public sealed class NotifierWriteWatchTests
{
    private const ulong Full = 0xffff_ffff_ffff_fffe;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Fact]
    public void AStuckWriterIsFreedAndItsOwnerTold()
    {
        NotifierWriteWatch watch = new();
        using Stranger stranger = new();
        int told = 0;
        stranger.Notifier.Stuck = n =>
        {
            Assert.Same(stranger.Notifier, n);
            told++;
        };
        Thread writer = stranger.GetStuck();

        // The first look only sees that it writes.
        Assert.Equal(0, watch.Look());
        Assert.Equal(0, told);
        Assert.False(stranger.Notifier.IsMuted);
        Assert.False(writer.Join(0));

        Assert.Equal(1, LookUntilFree(watch, writer));
        Assert.Equal(1, told);
        Assert.Equal(1, watch.StuckWrites);
        Assert.True(stranger.Notifier.IsMuted);

        // Nobody gets stuck in it again.
        stranger.Fill();
        Thread again = new(stranger.Notifier.Set);
        again.Start();
        Assert.True(again.Join(s_limit));
        Assert.Equal(0, watch.Look());
        Assert.Equal(1, told);
    }

    /// <summary>The session ends while a thread of ours is stuck: its descriptor stays open until that thread is out, and is closed then.</summary>
    [Fact]
    public void AWriterThatIsStuckInADisposedNotifierIsFreed()
    {
        NotifierWriteWatch watch = new();
        using Stranger stranger = new();
        int fd = stranger.Notifier.Fd;
        int told = 0;
        stranger.Notifier.Stuck = _ => told++;
        Thread writer = stranger.GetStuck();
        stranger.Notifier.Dispose();
        Assert.True(fcntl(fd, F_GETFL) >= 0);
        Assert.False(stranger.Notifier.TestAndClear());
        Assert.Equal(0, watch.Look());
        Assert.Equal(1, LookUntilFree(watch, writer));
        Assert.Equal(1, told);

        // Closed by whoever came out last; the stranger's own descriptor of the same file tells by its link.
        Assert.NotEqual(stranger.Link, Link(fd));
    }

    /// <summary>One that fills the counter again at once, from two threads, wins a few times, not for ever.</summary>
    [Fact]
    public void AStrangerThatFillsItAgainDoesNotWin()
    {
        NotifierWriteWatch watch = new();
        using Stranger stranger = new();
        bool stop = false;
        Thread[] fillers = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                stranger.FillAgain();
            }
        }))];
        Thread writer = stranger.GetStuck();
        Array.ForEach(fillers, static t => t.Start());
        Assert.Equal(0, watch.Look());
        int found = LookUntilFree(watch, writer);
        Volatile.Write(ref stop, true);
        Array.ForEach(fillers, t => Assert.True(SpinWait.SpinUntil(() => stranger.Empty() && t.Join(1), s_limit)));
        Assert.True(found >= 1);
        Assert.True(stranger.Notifier.IsMuted);
    }

    /// <summary>Several threads, several strangers: one look after the other frees them all.</summary>
    [Fact]
    public void EachStuckThreadIsFreed()
    {
        NotifierWriteWatch watch = new();
        Stranger[] strangers = [.. Enumerable.Range(0, 4).Select(static _ => new Stranger())];
        Array.ForEach(strangers, static s => s.Fill());
        Thread[] writers = [.. strangers.Concat(strangers).Select(static s => s.StartWriter())];
        Assert.Equal(0, watch.Look());
        foreach (Thread writer in writers)
        {
            LookUntilFree(watch, writer);
        }

        Assert.All(strangers, static s => Assert.True(s.Notifier.IsMuted));
        Array.ForEach(strangers, static s => s.Dispose());
    }

    /// <summary>A thread that is seen in a write twice, but whose counter has room, is not stuck, and its event is not taken away.</summary>
    [Fact]
    public void AWriterThatMerelyTakesLongLosesNothing()
    {
        NotifierWriteWatch watch = new();
        using Stranger stranger = new();
        stranger.Notifier.Set();
        TestLoop.OnThread(() =>
        {
            // As a thread that the scheduler does not let run: it has published its write and has not written yet.
            NotifierWriter.Current.Begin(stranger.Notifier);
            Assert.Equal(0, watch.Look());
            Assert.Equal(0, watch.Look());
            Assert.Equal(0, watch.Look());
            NotifierWriter.Current.End();
        });
        Assert.False(stranger.Notifier.IsMuted);
        Assert.True(stranger.Notifier.TestAndClear());
    }

    /// <summary>A thread that writes all the time is in another write at each look, be the counter full or not.</summary>
    [Fact]
    public void AWriterThatMovesIsNotTakenForAStuckOne()
    {
        NotifierWriteWatch watch = new();
        using Stranger stranger = new();
        TestLoop.OnThread(() =>
        {
            for (int i = 0; i < 5; i++)
            {
                NotifierWriter.Current.Begin(stranger.Notifier);
                stranger.FillWithoutBlocking();
                Assert.Equal(0, watch.Look());
                NotifierWriter.Current.End();
            }
        });
        Assert.False(stranger.Notifier.IsMuted);
    }

    /// <summary>A full counter alone, with O_NONBLOCK as we set it, holds up nobody.</summary>
    [Fact]
    public void AFullCounterIsAsGoodAsASetOne()
    {
        using Stranger stranger = new();
        stranger.FillWithoutBlocking();
        stranger.Notifier.Set();
        Assert.True(stranger.Notifier.TestAndClear());
    }

    [Fact]
    public void ADisposedNotifierClosesOnceAndDoesNothing()
    {
        Stranger stranger = new();
        stranger.Notifier.Dispose();
        stranger.Notifier.Dispose();
        stranger.Notifier.Set();
        Assert.False(stranger.Notifier.TestAndClear());
        Assert.False(stranger.Notifier.TryUse());
        stranger.Dispose();
    }

    /// <summary>Threads that have ended leave nothing behind.</summary>
    [Fact]
    public void EndedThreadsAreForgotten()
    {
        using Stranger stranger = new();
        NotifierWriter? writer = null;
        Thread thread = new(() =>
        {
            stranger.Notifier.Set();
            writer = NotifierWriter.Current;
        });
        thread.Start();
        thread.Join();
        Assert.DoesNotContain(writer, NotifierWriter.All());
    }

    [Fact]
    public void PublishingAllocatesNothing()
    {
        using Stranger stranger = new();
        stranger.Notifier.Set();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            stranger.Notifier.Set();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <returns>How many were found stuck meanwhile.</returns>
    private static int LookUntilFree(NotifierWriteWatch watch, Thread writer)
    {
        int found = 0;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                found += watch.Look();
                return writer.Join(1);
            },
            s_limit));
        return found;
    }

    private static string? Link(int fd) => new FileInfo($"/proc/self/fd/{fd}").LinkTarget is { } link ? $"{link} {FdInfo(fd)}" : null;

    private static string FdInfo(int fd) => File.ReadAllLines($"/proc/self/fdinfo/{fd}").FirstOrDefault(static l => l.StartsWith("eventfd-id", StringComparison.Ordinal)) ?? "";

    /// <summary>The other side of an eventfd.</summary>
    private sealed class Stranger : IDisposable
    {
        private readonly FileDescriptor _mine;

        public Stranger()
        {
            FileDescriptor theirs = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
            _mine = theirs.Duplicate();
            Notifier = new EventNotifier(theirs);
        }

        public EventNotifier Notifier { get; }

        public string? Link => NotifierWriteWatchTests.Link(_mine.Value);

        /// <summary>Fills the counter, clears O_NONBLOCK, and has a thread of ours write.</summary>
        public Thread GetStuck()
        {
            Fill();
            return StartWriter();
        }

        public Thread StartWriter()
        {
            Thread writer = new(Notifier.Set) { IsBackground = true, Name = "stuck" };
            int before = WritersInside();
            writer.Start();
            Assert.True(SpinWait.SpinUntil(() => WritersInside() > before, s_limit));
            Assert.False(writer.Join(20), "It came back; the counter was not full or the file not blocking.");
            return writer;
        }

        public void Fill()
        {
            FillWithoutBlocking();
            Assert.Equal(0, fcntl(_mine.Value, F_SETFL, 0));
        }

        /// <summary>Waits, as the writer does, until there is room, and takes it.</summary>
        public void FillAgain() => _ = write(_mine.Value, Full);

        public void FillWithoutBlocking()
        {
            Assert.Equal(0, fcntl(_mine.Value, F_SETFL, O_NONBLOCK));
            _ = read_nowait(_mine.Value, out _);
            _ = write(_mine.Value, Full);
        }

        /// <summary>Lets whoever waits in a write go.</summary>
        public bool Empty()
        {
            _ = read_nowait(_mine.Value, out _);
            return true;
        }

        public void Dispose()
        {
            Notifier.Dispose();
            _mine.Dispose();
        }

        private int WritersInside() => NotifierWriter.All().Count(w => w.Writing(out _) == Notifier);
    }
}
