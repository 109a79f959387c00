using VhostNet.Aio.Failpoints;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>A pass on wait handles, in the order of QEMU's loop for Windows.</content>
public sealed partial class AioContext
{
    /// <summary>
    /// Arms before it computes the time-out. Exactly one wait may block; the counter goes down and the bottom halves run after it. Later waits only ask for
    /// further handles that are signalled, one handler call after each.
    /// </summary>
    private bool PollWaitHandles(bool blocking)
    {
        _home.Polls++;
        byte outer = BeginLooking();
        WaitHandleFdMonitor monitor = (WaitHandleFdMonitor)_monitor;
        bool notified = blocking && _state.Arm<FullBarrier>(_state.NotifyMe + 2);
        AioHandler[] handlers = (AioHandler[])monitor.Handlers().Clone();
        int left = handlers.Length;
        bool progress = false;
        for (bool first = true; ; first = false)
        {
            int index = WaitForHandle(monitor, handlers, ref left, ref blocking, notified);
            if (first)
            {
                Accept();
                progress |= HasBottomHalves && RunBottomHalves();
            }

            if (index < 0 || _disposed)
            {
                break;
            }

            handlers[index] = handlers[--left];
            progress |= DispatchReady();
            if (left == 0 || _disposed)
            {
                break;
            }
        }

        progress |= DispatchReady();
        progress |= RunTimers();
        _home.Activity = outer;
        return progress;
    }

    private int WaitForHandle(WaitHandleFdMonitor monitor, AioHandler[] handlers, ref int left, ref bool blocking, bool notified)
    {
        bool armed = blocking && !LeavesOut(Failpoint.Disarm);
        int index;
        try
        {
            long timeout = WaitTime(blocking && !notified ? ComputeTimeout() : 0);
            _home.Waits++;
            _home.Sleeps += timeout != 0 ? 1 : 0;
            _home.Activity = (byte)(timeout != 0 ? AioActivity.Asleep : AioActivity.Looking);
            index = monitor.WaitAny(handlers, ref left, timeout);
            _home.Activity = (byte)AioActivity.Looking;
        }
        finally
        {
            if (armed)
            {
                _state.Disarm(_state.NotifyMe - 2);
            }

            blocking = false;
        }

        if (index >= 0)
        {
            MarkReady(handlers[index].Token, POLLIN);
        }

        return index;
    }
}
