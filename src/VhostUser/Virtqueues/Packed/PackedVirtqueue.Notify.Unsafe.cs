namespace VhostNet.VhostUser.Virtqueues.Packed;

/// <content>Who is told of what: the guest's kicks and our calls.</content>
// SAFETY: as in the other part.
internal sealed unsafe partial class PackedVirtqueue
{
    public override bool HasUnseen => IsBroken ? Refuse() : IsAvailableAcquire(_seen);

    public override void RememberSeen(int seen)
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        _seen = _next.Advance(_chains.Slots(seen), _size);
    }

    public override void DisableNotifications()
    {
        if (IsDisposed)
        {
            Refuse();
            return;
        }

        if (!_notificationsOff)
        {
            _notificationsOff = true;
            Volatile.Write(ref _deviceEvent[1], RING_EVENT_FLAGS_DISABLE);
            WriteLogger.MarkRing(Layout, Layout.Device, 4);
        }
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
            _deviceEvent[0] = _seen.Encoded;
        }

        Volatile.Write(ref _deviceEvent[1], _eventIndex ? RING_EVENT_FLAGS_DESC : RING_EVENT_FLAGS_ENABLE);
        WriteLogger.MarkRing(Layout, Layout.Device, 4);
        _notificationsOff = false;

        // Pairs with the driver's barrier between making a descriptor available and its look at our event area (2.8.21.3.1).
        Interlocked.MemoryBarrier();
        return IsBroken || !IsAvailableAcquire(_seen);
    }

    private protected override bool ShouldCall()
    {
        if (_signalled == _used && _signalledValid)
        {
            return false;
        }

        int before = _signalled.Slot;
        int now = _used.Slot;

        // Pairs with the driver's barrier between enabling interrupts and its second look at the ring.
        Interlocked.MemoryBarrier();
        _signalled = _used;
        bool first = !_signalledValid;
        _signalledValid = true;
        ushort flags = (ushort)(Volatile.Read(ref _driverEvent[1]) & 3);
        if (flags != RING_EVENT_FLAGS_DESC || !_eventIndex)
        {
            return flags != RING_EVENT_FLAGS_DISABLE;
        }

        PackedPosition wanted = PackedPosition.Decode(Volatile.Read(ref _driverEvent[0]));
        int from = now <= before ? before - _size : before;
        int at = wanted.Wrap == _used.Wrap ? wanted.Slot : wanted.Slot - _size;
        return first || (ushort)(now - at - 1) < (ushort)(now - from);
    }
}
