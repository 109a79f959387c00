using System.Runtime.CompilerServices;

namespace VhostNet.Aio.Tests;

/// <summary>Which thread may poll.</summary>
[Collection(nameof(Alone))]
public sealed class HomeThreadTests
{
    /// <summary>So many threads at once take every id that the runtime has to give again, in whatever order it does so.</summary>
    private const int Crowd = 64;

    /// <summary>The runtime gives a thread's managed id again when the thread has ended. Whoever gets it is not the home thread.</summary>
    [Fact]
    public void AThreadThatGotTheIdOfAnEndedOneIsNotTakenForIt()
    {
        int tried = 0;

        // Another thread of the process may have taken the id meanwhile; then the next context's is tried.
        for (int i = 0; i < 50 && tried == 0; i++)
        {
            using AioContext ended = MakeOnAThreadThatEnds(out int id);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            tried = InACrowd(() => Environment.CurrentManagedThreadId == id, () =>
            {
                Assert.False(ended.IsHomeThread);
                Assert.Throws<InvalidOperationException>(() => ended.Poll(false));
            });
        }

        Assert.True(tried > 0, "The runtime did not give the id again; the test can't tell.");
    }

    /// <summary>Runs a check on those of many threads, all alive at once, that it is for.</summary>
    /// <returns>On how many it ran.</returns>
    private static int InACrowd(Func<bool> isFor, Action check)
    {
        int ran = 0;
        Exception? failure = null;
        using var all = new Barrier(Crowd);
        var threads = new Thread[Crowd];
        for (int i = 0; i < Crowd; i++)
        {
            threads[i] = new Thread(() =>
            {
                all.SignalAndWait();
                if (isFor())
                {
                    Interlocked.Increment(ref ran);
                    failure = Record.Exception(check);
                }
            });
            threads[i].Start();
        }

        Array.ForEach(threads, t => t.Join());
        return failure is null ? ran : throw new InvalidOperationException("On the thread with the id:", failure);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static AioContext MakeOnAThreadThatEnds(out int id)
    {
        AioContext context = null!;
        int mine = 0;
        Thread thread = new(() =>
        {
            mine = Environment.CurrentManagedThreadId;
            context = new AioContext();
            context.Poll(false);
        });
        thread.Start();
        thread.Join();
        id = mine;
        return context;
    }
}
