using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>
/// Store buffering, with the very members that notify and poll use: the notifier stores the flag and reads the counter, the sleeper stores the counter and reads the flag.
/// Both reading zero is the lost wake-up; it must never happen with both barriers, and it must happen when one is removed.
/// </summary>
[Collection(nameof(Alone))]
public sealed class LitmusTests
{
    private const int RoundsPerBatch = 10_000;

    private readonly NotifyState[] _states = new NotifyState[RoundsPerBatch];
    private readonly byte[] _seenByNotifier = new byte[RoundsPerBatch];
    private readonly byte[] _seenBySleeper = new byte[RoundsPerBatch];
    private int _turnA;
    private int _turnB;

    [Fact]
    public void BothBarriersExcludeTheLostWakeUp() => Assert.Equal(0, Search(Run<FullBarrier, FullBarrier>, TimeSpan.FromSeconds(5)));

    [Fact]
    public void H5_WithoutTheNotifiersBarrierAWakeUpIsLost() =>
        Assert.True(Search(Run<NoBarrier, FullBarrier>, TimeSpan.FromSeconds(60)) > 0, "No wake-up was lost; the test can't tell a missing barrier.");

    [Fact]
    public void H6_WithoutTheSleepersBarrierAWakeUpIsLost() =>
        Assert.True(Search(Run<FullBarrier, NoBarrier>, TimeSpan.FromSeconds(60)) > 0, "No wake-up was lost; the test can't tell a missing barrier.");

    /// <summary>
    /// The same between a timer's callback, whose turn has come, and another thread that published work and anticipates the timer: either the callback sees the work, or the timer is
    /// armed again.
    /// </summary>
    [Fact]
    public void AnAnticipationIsNotLostToTheBatch() => Assert.Equal(0, SearchTimers(new AioFailpoints(), TimeSpan.FromSeconds(3)));

    [Fact]
    public void AnAnticipationThatTrustsTheBatchIsLost() =>
        Assert.True(SearchTimers(new AioFailpoints { TrustBatch = true }, TimeSpan.FromSeconds(60)) > 0, "No arming was lost; the test can't tell.");

    private long SearchTimers(AioFailpoints test, TimeSpan limit)
    {
        using AioContext context = new(null, test);
        AioClock clock = AioClock.CreateVirtual();
        AioTimer[] timers = [.. Enumerable.Range(0, RoundsPerBatch).Select(_ => context.CreateTimer(clock, static () => { }))];
        long[] work = new long[RoundsPerBatch];
        return Search(() => RunTimers(timers, work), limit);
    }

    private long RunTimers(AioTimer[] timers, long[] work)
    {
        Array.Clear(work);
        foreach (AioTimer timer in timers)
        {
            timer.Delete();
            timer.EnterBatch();
        }

        _turnA = _turnB = 0;
        Thread other = new(() =>
        {
            for (int i = 0; i < RoundsPerBatch; i++)
            {
                Meet(ref _turnB, ref _turnA, i + 1);
                Volatile.Write(ref work[i], 1);
                timers[i].ModifyAnticipate(1);
                _seenByNotifier[i] = (byte)(timers[i].IsListed ? 1 : 0);
            }
        });
        other.Start();
        for (int i = 0; i < RoundsPerBatch; i++)
        {
            Meet(ref _turnA, ref _turnB, i + 1);
            _ = timers[i].LeaveBatch();
            _seenBySleeper[i] = (byte)Volatile.Read(ref work[i]);
        }

        other.Join();
        return Enumerable.Range(0, RoundsPerBatch).LongCount(i => _seenByNotifier[i] == 0 && _seenBySleeper[i] == 0);
    }

    private static long Search(Func<long> batch, TimeSpan limit)
    {
        Assert.True(Environment.ProcessorCount > 1, "Store buffering needs two processors; run the tests where there are two.");
        long start = Environment.TickCount64;
        long lost = 0;
        for (int rounds = 0; lost == 0 && Environment.TickCount64 - start < limit.TotalMilliseconds; rounds += RoundsPerBatch)
        {
            lost += batch();
        }

        return lost;
    }

    private long Run<TNotifier, TSleeper>()
        where TNotifier : struct, IBarrier
        where TSleeper : struct, IBarrier
    {
        Array.Clear(_states);
        _turnA = _turnB = 0;
        Thread sleeper = new(() =>
        {
            for (int i = 0; i < RoundsPerBatch; i++)
            {
                Meet(ref _turnB, ref _turnA, i + 1);
                _seenBySleeper[i] = (byte)(_states[i].Arm<TSleeper>(2) ? 1 : 0);
            }
        });
        sleeper.Start();
        for (int i = 0; i < RoundsPerBatch; i++)
        {
            Meet(ref _turnA, ref _turnB, i + 1);
            _seenByNotifier[i] = (byte)_states[i].Publish<TNotifier>();
        }

        sleeper.Join();
        return Enumerable.Range(0, RoundsPerBatch).LongCount(i => _seenByNotifier[i] == 0 && _seenBySleeper[i] == 0);
    }

    /// <summary>Both threads come out at nearly the same moment.</summary>
    private static void Meet(ref int mine, ref int other, int turn)
    {
        Interlocked.Exchange(ref mine, turn);
        for (int spins = 0; Volatile.Read(ref other) < turn; spins++)
        {
            if (spins > 2000)
            {
                Thread.Yield();
            }
        }
    }

    private readonly struct NoBarrier : IBarrier
    {
        public static void Store(ref int location, int value) => Volatile.Write(ref location, value);

        public static void Increment(ref long location) => Volatile.Write(ref location, location + 1);
    }
}
