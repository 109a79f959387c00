namespace VhostNet.VhostUser.Virtqueues.Split;

/// <content>Who is told of what: the guest's kicks and our calls.</content>
// SAFETY: as in the other part.
internal sealed unsafe partial class SplitVirtqueue<TOrder>
{
    public override bool HasUnseen => IsBroken ? Refuse() : LoadAvailIndexAcquire() != _seen;

    public override void RememberSeen(int seen)
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        _seen = (ushort)(_nextAvail + seen);
    }

    public override void DisableNotifications()
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        if (!_eventIndex && !_notificationsOff)
        {
            // With the event index the last avail_event, now behind, silences the driver by itself.
            WriteUsedFlags(USED_F_NO_NOTIFY);
        }

        _notificationsOff = true;
    }

    public override bool EnableNotifications(int seen = 0)
    {
        if (IsDisposed)
        {
            return !Refuse();
        }

        RememberSeen(seen);
        if (_eventIndex)
        {
            Volatile.Write(ref AvailEvent, TOrder.Order(_seen));
            WriteLogger.MarkUsed(Layout, (ulong)(4 + (8 * Size)), 2);
        }
        else if (_notificationsOff)
        {
            WriteUsedFlags(0);
        }

        _notificationsOff = false;

        // Pairs with the driver's barrier between its avail index store and its look at our flags (2.7.13.4.1): one of us sees the other's store.
        Interlocked.MemoryBarrier();
        return IsBroken || LoadAvailIndexAcquire() == _seen;
    }

    private protected override bool ShouldCall()
    {
        ushort before = _signalled;
        if (before == _usedIndex && _signalledValid)
        {
            return false;
        }

        // Pairs with the driver's barrier between enabling interrupts and its second look at the used index (2.7.14).
        Interlocked.MemoryBarrier();
        _signalled = _usedIndex;
        bool first = !_signalledValid;
        _signalledValid = true;
        if (_eventIndex)
        {
            ushort usedEvent = TOrder.Order(Volatile.Read(ref _avail[2 + Size]));
            return first || (ushort)(_usedIndex - usedEvent - 1) < (ushort)(_usedIndex - before);
        }

        return (TOrder.Order(Volatile.Read(ref _avail[0])) & AVAIL_F_NO_INTERRUPT) == 0;
    }

    private void WriteUsedFlags(ushort flags)
    {
        Volatile.Write(ref *(ushort*)_used, TOrder.Order(flags));
        WriteLogger.MarkUsed(Layout, 0, 2);
    }
}
