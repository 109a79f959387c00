using System.Runtime.CompilerServices;

namespace VhostNet.Aio.Tests;

/// <summary>Which thread may poll.</summary>
[Collection(nameof(Alone))]
public sealed class HomeThreadTests
{
    /// <summary>The runtime gives a thread's managed id again when the thread has ended. Whoever gets it is not the home thread.</summary>
    [Fact]
    public void AThreadThatGotTheIdOfAnEndedOneIsNotTakenForIt()
    {
        AioContext ended = MakeOnAThreadThatEnds(out int id);
        bool tried = false;
        for (int i = 0; i < 200 && !tried; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            TestLoop.OnThread(() =>
            {
                if (Environment.CurrentManagedThreadId == id)
                {
                    tried = true;
                    Assert.False(ended.IsHomeThread);
                    Assert.Throws<InvalidOperationException>(() => ended.Poll(false));
                }
            });
        }

        Assert.True(tried, "The runtime did not give the id again; the test can't tell.");
        ended.Dispose();
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
