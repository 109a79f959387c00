using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio;

/// <content>
/// What monitors, timers and bottom halves need of the loop; they lie below it and know no more. What only they call stands with its theme instead.
/// </content>
public sealed partial class AioContext : IHandlerLoop, ITimerLoop, IBottomHalfLoop
{
    FaultFrame ITimerLoop.Frame => _frame;

    bool ITimerLoop.KnowsBatch => IsHomeThread || Failpoints is { TrustBatch: true };

    AioHandler? IHandlerLoop.FindHandler(ulong token) => FindHandler(token);

    void IHandlerLoop.MarkReady(ulong token, short events) => MarkReady(token, events);

    void ITimerLoop.CountArmedList(bool armed) => Interlocked.Add(ref _armedLists, armed ? 1 : -1);

    (IFaultOwner? Owner, byte Activity) ITimerLoop.BeginTimers() => EnterStage(AioActivity.Timers);

    void ITimerLoop.EndTimers((IFaultOwner? Owner, byte Activity) outer, int count)
    {
        LeaveStage(outer);
        _timersRun += count;
    }

    bool ITimerLoop.Answers(IFaultOwner? owner, Exception exception) => Answers(owner, exception);

    void ITimerLoop.Report(IFaultOwner owner, string callback, Exception exception) => Report(owner, callback, exception);
}
