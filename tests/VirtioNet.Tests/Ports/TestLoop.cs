using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.Timers;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>An event loop that the test itself turns: until something has happened, with a time-out that fails the test.</summary>
internal sealed class TestLoop : IDisposable
{
    private const long TimeoutNs = 20_000_000_000;
    private readonly AioTimer _watchdog;

    public TestLoop()
    {
        Context = new AioContext(new AioContextOptions { Name = "test" });
        _watchdog = Context.CreateTimer(AioClock.Monotonic, () => { });
    }

    public AioContext Context { get; }

    /// <summary>Turns the loop until the condition holds.</summary>
    public void Until(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        _watchdog.Modify(AioClock.Monotonic.NowNs + TimeoutNs);
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds * 1e6 < TimeoutNs, $"timed out waiting until {what}");
            Context.Poll(true);
        }

        _watchdog.Delete();
    }

    /// <summary>Turns the loop until nothing is left to do at once.</summary>
    public void Drain()
    {
        while (Context.Poll(false))
        {
        }
    }

    public void Dispose() => Context.Dispose();
}
