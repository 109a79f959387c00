using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The ring messages ("Ring states", and the VRING messages).</content>
public sealed partial class VhostUserSession
{
    private const int RingSizeMax = 32768;

    private RingState FindRing(uint index) =>
        index < (uint)_state.Rings.Length
            ? _state.Rings[index]
            : throw new ProtocolException($"there is no ring {index}; the device has rings 0 to {_state.Rings.Length - 1}");

    private void SetVringNum(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num is 0 or > RingSizeMax)
        {
            throw new ProtocolException($"SET_VRING_NUM gives ring {ring.Index} the size {message.Num}; 1 to {RingSizeMax} are allowed");
        }

        if (_state.HasFeatures && !_state.IsPacked && !System.Numerics.BitOperations.IsPow2(message.Num))
        {
            throw new ProtocolException($"SET_VRING_NUM gives split ring {ring.Index} the size {message.Num}, which is no power of two");
        }

        if (ring.Size != message.Num)
        {
            CheckStopped(ring, RequestCode.SET_VRING_NUM);
            ring.Size = (int)message.Num;
        }
    }

    private void SetVringAddress(VringAddress message)
    {
        RingState ring = FindRing(message.Index);
        if ((message.Flags & ~VringAddress.LogFlag) != 0)
        {
            throw new ProtocolException($"SET_VRING_ADDR of ring {ring.Index} has flags 0x{message.Flags:x}; only bit 0 is defined");
        }

        CheckRunningRing(ring, message, "SET_VRING_ADDR");
        ring.Address = message;
    }

    private void SetVringBase(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (!_state.IsPacked && message.Num > ushort.MaxValue && _state.HasFeatures)
        {
            throw new ProtocolException($"SET_VRING_BASE gives split ring {ring.Index} the position 0x{message.Num:x}; an index has 16 bits");
        }

        CheckStopped(ring, RequestCode.SET_VRING_BASE);
        ring.Base = message.Num;
    }

    private void GetVringBase(VringState message)
    {
        RingState ring = FindRing(message.Index);
        ring.IsStarted = false;
        _rings.Stop(ring);
        ring.DropKick();
        _reply.Set(new VringState(message.Index, ring.Base ?? (_state.IsPacked ? RingPosition.PackedInitial : 0)));
    }

    private void SetVringKick(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        if (message.NoFd && ring.Kick is null && ring.Queue is null)
        {
            // Poll mode takes a notifier of the device's own, in-band kicks take one of ours; a ring that runs has one already.
            CheckRoom(RequestCode.SET_VRING_KICK);
        }

        EventNotifier? kick = TakeNotifier(RequestCode.SET_VRING_KICK, message, descriptors);
        StartRing(ring, kick, inBand: kick is null && _state.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS));
    }

    /// <summary>Starts a ring, or gives a running one another kick notifier. A ring that merely lacks something that may still come waits for it.</summary>
    private void StartRing(RingState ring, EventNotifier? kick, bool inBand)
    {
        if (RingLayoutBuilder.Build(_state, ring, _state.Memory, ring.Address, out LayoutProblem problem) is null && !problem.IsIncomplete)
        {
            kick?.Dispose();
            throw new ProtocolException($"ring {ring.Index} can't start: {problem.Text}");
        }

        EventNotifier? old = ring.Kick;
        ring.Kick = inBand ? new EventNotifier() : kick;
        ring.IsKickInBand = inBand;
        ring.IsStarted = true;
        _iotlbMisses.Forget();
        try
        {
            if (ring.Queue is not null)
            {
                _rings.Restart(ring, q => q.Kick = ring.Kick);
            }
        }
        finally
        {
            old?.Dispose();
        }
    }

    private void SetVringCall(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        EventNotifier? old = ring.Call;
        ring.Call = TakeNotifier(RequestCode.SET_VRING_CALL, message, descriptors);
        UpdateCall(ring);
        if (old is null && ring.Queue is not null)
        {
            // Chains may have been used while there was nobody to tell: one interrupt too many is harmless, one too few hangs the guest.
            ring.Call?.Set();
        }

        old?.Dispose();
    }

    private void SetVringError(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        EventNotifier? old = ring.Error;
        ring.Error = TakeNotifier(RequestCode.SET_VRING_ERR, message, descriptors);
        old?.Dispose();
    }

    private void SetVringEnable(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num > 1)
        {
            throw new ProtocolException($"SET_VRING_ENABLE of ring {ring.Index} has the value {message.Num}; 0 and 1 are defined");
        }

        ring.IsEnabled = message.Num == 1;
    }

    private void SetVringEndian(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num > 1)
        {
            throw new ProtocolException($"SET_VRING_ENDIAN of ring {ring.Index} has the value {message.Num}; 0 (little) and 1 (big) are defined");
        }

        CheckStopped(ring, RequestCode.SET_VRING_ENDIAN);
        ring.IsEndianSet = true;
        ring.IsBigEndian = message.Num == 1;
    }

    private static void CheckStopped(RingState ring, RequestCode request)
    {
        if (ring.Queue is not null)
        {
            throw new ProtocolException($"{request} came while ring {ring.Index} runs; stop it first (GET_VRING_BASE)");
        }
    }

    /// <summary>Refuses a change under which a running ring would have no place. Behind a vIOMMU the ring rests instead, until its translation comes.</summary>
    private void CheckRunningRing(RingState ring, VringAddress? address, string change)
    {
        if (ring.Queue is not null && RingLayoutBuilder.Build(_state, ring, _state.Memory, address, out LayoutProblem problem) is null && !problem.IsIncomplete)
        {
            throw new ProtocolException($"{change}: {problem.Text}");
        }
    }

    private EventNotifier? TakeNotifier(RequestCode request, VringFdPayload message, FdCollection descriptors)
    {
        if (message.NoFd)
        {
            // A descriptor that came all the same is closed with the message.
            return null;
        }

        if (descriptors.IsEmpty)
        {
            throw new ProtocolException($"{request} of ring {message.Index} has no descriptor; without one bit 8 of the payload has to be set");
        }

        Turn.TakeCalls(NotifierCalls, 0);
        FileDescriptor descriptor = descriptors.Take(0);
        try
        {
            NotifierCheck.Check(descriptor, request, message.Index);
            return MakeForeignNotifier(descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>What the rings report, with the session's name on it.</summary>
    private sealed class RingEvents(VhostUserSession session) : IRingEvents
    {
        public bool MayStart(RingState ring) => session.MayStart(ring);

        public void RingStarting(RingState ring) => session.WarnOfPrivateMemory();

        public void Connect(RingState ring, Virtqueue queue)
        {
            queue.CallInBand = session.InBandCallOf(ring);
            if (session._state.HasIommu)
            {
                queue.IotlbMissed = session._iotlbMisses.Add;
            }

            queue.Broken = broken =>
            {
                // On a datapath thread, under the ring's lock: log and messages belong to the control thread.
                ring.Error?.Set();
                session._context.ScheduleOneShot(() => session.ReportBroken(ring, broken));
            };
        }

        public void RingStarted(RingState ring, uint position)
        {
            session.Log.Info(
                $"ring {ring.Index} started: {ring.Size} descriptors, {(session._state.IsPacked ? "packed" : "split")}, position 0x{position:x}, " +
                $"{(ring.IsEnabled ? "enabled" : "disabled")}{(ring.Kick is null ? ", polled" : string.Empty)}");
            if (session._configChangePending)
            {
                session.NotifyConfigChanged();
            }
        }

        public void RingRecovered(RingState ring, string note) => session.Log.Info($"ring {ring.Index} {note}");

        public void RingStopped(RingState ring) => session.Log.Info($"ring {ring.Index} stopped at 0x{ring.Base:x}");

        public void RingWaits(RingState ring, LayoutProblem problem)
        {
            if (problem.MissedAddress is { } address)
            {
                session._iotlbMisses.Ask(address, problem.NeedsWrite);
            }

            if (ring.WaitsFor != problem.Text)
            {
                ring.WaitsFor = problem.Text;
                session.Log.Info($"ring {ring.Index} is to start and waits for {problem.Text}");
                session.WarnOfMissingMemory();
            }
        }
    }
}
