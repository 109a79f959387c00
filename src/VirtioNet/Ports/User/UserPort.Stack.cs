using System.Diagnostics.CodeAnalysis;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.User;

/// <content>The work: rounds of the stack on the port's thread, and who is let in.</content>
public sealed partial class UserPort
{
    [MemberNotNull(nameof(_quota), nameof(_stack), nameof(_surroundings))]
    private void Open()
    {
        _quota = new SlirpQuota(Options, Use, Options.HostForwards.Count + _forwarder.Descriptors);
        _surroundings = new Surroundings(this);

        // Whatever the library schedules meanwhile on the context's thread waits for the lock, and so until the field is set.
        lock (SlirpLibrary.Lock)
        {
            _stack = new SlirpStack(Options, _addresses, _surroundings, _forwarder);
        }
    }

    private void Work()
    {
        if (IsFaulted)
        {
            return;
        }

        uint timeout;
        bool more;
        int taken;
        lock (SlirpLibrary.Lock)
        {
            taken = RunStack(out timeout, out more);
        }

        if (_poller.HeldListener)
        {
            // Nobody says when the process has descriptors again.
            timeout = Math.Min(timeout, HeldListenerMs);
        }

        if (timeout == uint.MaxValue)
        {
            _timeout.Delete();
        }
        else
        {
            _timeout.Modify(AioClock.Monotonic.NowNs + (timeout * 1_000_000L));
        }

        if (taken > 0)
        {
            _waiters.ScheduleAll();
        }

        if (more)
        {
            _work.Schedule();
        }
    }

    /// <summary>One round of the stack: sockets that are ready, then frames from the guest, then what to watch next. Returns the frames taken.</summary>
    private int RunStack(out uint timeout, out bool more)
    {
        // While the guest can't take what the sockets have for it, they are left alone, so that TCP holds the senders back.
        _throttled = _outlet.Ring.UsedBytes > QueueBytes / 2;
        if (!_throttled)
        {
            _stack.PollFds(failed: !_poller.Poll());
        }

        var budget = TurnBudget.Full;
        int taken = 0;
        while (!budget.IsSpent && _inbound.TryPeek(out Span<byte> frame, out _, out _, out _))
        {
            budget.Take(TakeIn(frame) ? FrameCost + (frame.Length / TurnBudget.BytesPerUnit) : TurnBudget.ChainCost);
            _inbound.Release(1);
            taken++;
        }

        more = budget.IsSpent || _again;
        _again = false;
        _poller.HoldsListeners = _poller.HoldsListeners && !_quota.TakesConnection;
        _poller.Begin();
        timeout = _stack.FillPollFds();
        if (_throttled)
        {
            _poller.Begin();
        }

        _poller.End();
        return taken;
    }

    /// <summary>Gives the stack a frame, if it can be trusted with it and there is room for what it begins. The frame is the port's own copy.</summary>
    private bool TakeIn(Span<byte> frame)
    {
        SlirpVerdict verdict = _guard.Judge(frame, out SlirpFlow flow, out bool toLoopback);
        if (verdict != SlirpVerdict.Pass)
        {
            if (verdict == SlirpVerdict.Refuse)
            {
                CountDrop(DropReason.Unsafe);
            }

            return false;
        }

        if (toLoopback && !Options.HostLoopback && !Options.Restrict && flow.MayOpen)
        {
            Use.CountLoopbackRefused();
            Notice(
                $"port {Name}: the guest tried to reach the host's loopback by the gateway's address; \"hostLoopback\": true would let it",
                ref _loopbackNoticeNs);
        }

        if (!_quota.TryEnter(flow, AioClock.Monotonic.NowNs))
        {
            CountDrop(DropReason.Quota);
            Notice(
                $"port {Name}: a new flow of the guest was refused ({Use.Flows} of {Options.FlowsMax} flows, {Use.Sockets} of {Options.SocketsMax} sockets, "
                + $"{Options.FlowsPerSecond} new ones a second); what runs goes on. See the port's quotas and descriptors.reserve",
                ref _quotaNoticeNs);
            return false;
        }

        _stack.Input(frame);
        _quota.Leave();

        // An answer to the stack's own ARP or neighbour request: what waits for it is sent in the next round, and thrown away if that is a second off.
        _again |= flow.Kind == SlirpFlowKind.None;
        return true;
    }

    /// <summary>The frame was counted as sent when it was queued, under the same lock.</summary>
    private void CountDrop(DropReason reason)
    {
        _inbound.Lock.Enter();
        EgressCounters.Drop(reason);
        _inbound.Lock.Exit();
    }

    private void OnRoomMade()
    {
        if (_throttled && _outlet.Ring.UsedBytes <= QueueBytes / 4)
        {
            _work.Schedule();
        }
    }
}
