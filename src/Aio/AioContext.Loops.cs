using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio;

/// <content>What monitors, timers and bottom halves need of the loop; they lie below it and know no more.</content>
public sealed partial class AioContext : IHandlerLoop, ITimerLoop, IBottomHalfLoop
{
    int IHandlerLoop.HandlerVersion => HandlerVersion;

    FaultFrame ITimerLoop.Frame => _frame;

    bool ITimerLoop.KnowsBatch => IsHomeThread || Failpoints is { TrustBatch: true };

    AioHandler? IHandlerLoop.FindHandler(ulong token) => FindHandler(token);

    void IHandlerLoop.MarkReady(ulong token, short events) => MarkReady(token, events);

    void IHandlerLoop.LoseHandler(ulong token) => LoseHandler(token);

    int IHandlerLoop.Snapshot(ref pollfd[] fds, ref ulong[] tokens, out int count) => Snapshot(ref fds, ref tokens, out count);

    void ITimerLoop.CountArmedList(bool armed) => Interlocked.Add(ref _armedLists, armed ? 1 : -1);

    (IFaultOwner? Owner, byte Activity) ITimerLoop.BeginTimers() => EnterStage(AioActivity.Timers);

    void ITimerLoop.EndTimers((IFaultOwner? Owner, byte Activity) outer, int count)
    {
        LeaveStage(outer);
        _timersRun += count;
    }

    bool ITimerLoop.Answers(IFaultOwner? owner, Exception exception) => Answers(owner, exception);

    void ITimerLoop.Report(IFaultOwner owner, string callback, Exception exception) => Report(owner, callback, exception);

    bool IBottomHalfLoop.TryEnqueueLocally(BottomHalf bottomHalf) => TryEnqueueLocally(bottomHalf);

    void IBottomHalfLoop.Enqueue(BottomHalf bottomHalf, bool link) => Enqueue(bottomHalf, link);

    void IBottomHalfLoop.RunPosted(SendOrPostCallback callback, object? state) => RunPosted(callback, state);

    void IBottomHalfLoop.ReturnOneShot(BottomHalf bottomHalf) => ReturnOneShot(bottomHalf);
}
