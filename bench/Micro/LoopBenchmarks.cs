using BenchmarkDotNet.Attributes;

namespace VhostNet.Micro;

/// <summary>The same single-thread operations under BenchmarkDotNet: error bars and allocations, for whoever wants to compare two revisions.</summary>
[MemoryDiagnoser]
public class LoopBenchmarks : IDisposable
{
    private const int Operations = 1000;
    private SingleThreadCases _cases = null!;

    [GlobalSetup]
    public void SetUp() => _cases = new SingleThreadCases();

    [GlobalCleanup]
    public void Dispose()
    {
        _cases.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
#pragma warning disable CA1822 // BenchmarkDotNet wants instance methods.
    public void FullBarrier()
#pragma warning restore CA1822
    {
        for (int i = 0; i < Operations; i++)
        {
            Interlocked.MemoryBarrier();
        }
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public void SchedulePoll() => _cases.SchedulePoll(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void ScheduleBlockingPoll() => _cases.ScheduleBlockingPoll(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void EmptyPoll() => _cases.EmptyPoll(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void ScheduleScheduled() => _cases.ScheduleScheduled(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void Notify() => _cases.Notify(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void OneShot() => _cases.OneShot(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void ScheduleCancelPoll() => _cases.ScheduleCancelPoll(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void EventfdPoll() => _cases.EventfdPoll(Operations);

    [Benchmark(OperationsPerInvoke = Operations)]
    public void ExpiredTimer() => _cases.ExpiredTimer(Operations);
}
