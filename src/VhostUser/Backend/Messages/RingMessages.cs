using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>The messages about one ring ("Ring states", and the VRING messages). Control thread.</summary>
/// <param name="session">What all groups share.</param>
/// <param name="rings">The rings.</param>
/// <param name="backend">Where the calls of a ring without a notifier go.</param>
/// <param name="misses">Translations that rings missed: a ring that starts asks anew.</param>
internal sealed class RingMessages(SessionContext session, SessionRings rings, BackendMessages backend, IotlbMissQueue misses) : MessageGroup(session)
{
    /// <inheritdoc/>
    public override int KeptDescriptors
    {
        get
        {
            int kept = 0;
            foreach (RingState ring in State.Rings)
            {
                kept += Count(ring.Kick) + Count(ring.Call) + Count(ring.Error);
            }

            return kept;
        }
    }

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add<VringState>(this, RequestCode.SET_VRING_NUM, SetSize);
        table.Add<VringAddress>(this, RequestCode.SET_VRING_ADDR, SetAddress);
        table.Add<VringState>(this, RequestCode.SET_VRING_BASE, SetBase);
        table.Add<VringState>(this, RequestCode.GET_VRING_BASE, GetBase);
        table.Add<VringFdPayload>(this, RequestCode.SET_VRING_KICK, SetKick);
        table.Add<VringFdPayload>(this, RequestCode.SET_VRING_CALL, SetCall);
        table.Add<VringFdPayload>(this, RequestCode.SET_VRING_ERR, SetError);
        table.Add<VringState>(this, RequestCode.SET_VRING_ENABLE, SetEnabled);
        table.Add<VringState>(this, RequestCode.SET_VRING_ENDIAN, SetEndian);
        table.Add<VringState>(this, RequestCode.VRING_KICK, KickInBand);

        // Nothing is ever left to drain.
        table.Add<VringState>(this, RequestCode.GET_VRING_BASE_SKIP_DRAIN, GetBase);
    }

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload)
    {
        int index = (int)Wire.Read<VringFdPayload>(payload).Index;
        RingState? ring = (uint)index < (uint)State.Rings.Length ? State.Rings[index] : null;
        return code switch
        {
            RequestCode.SET_VRING_KICK => ring is { IsKickInBand: false } ? Count(ring.Kick) : 0,
            RequestCode.SET_VRING_CALL => Count(ring?.Call),
            RequestCode.SET_VRING_ERR => Count(ring?.Error),
            _ => 0,
        };
    }

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) =>
        data with { Rings = [.. State.Rings.Select(writer.Ring).OfType<RingData>()] };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        foreach (RingData data in snapshot.Data.Rings)
        {
            Restore(snapshot, data);
        }
    }

    private RingState FindRing(uint index) =>
        index < (uint)State.Rings.Length
            ? State.Rings[index]
            : throw new ProtocolException($"there is no ring {index}; the device has rings 0 to {State.Rings.Length - 1}");

    private void SetSize(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num is 0 or > RingState.SizeMax)
        {
            throw new ProtocolException($"SET_VRING_NUM gives ring {ring.Index} the size {message.Num}; 1 to {RingState.SizeMax} are allowed");
        }

        if (State.HasFeatures && !State.IsPacked && !System.Numerics.BitOperations.IsPow2(message.Num))
        {
            throw new ProtocolException($"SET_VRING_NUM gives split ring {ring.Index} the size {message.Num}, which is no power of two");
        }

        if (ring.Size != message.Num)
        {
            CheckStopped(ring, RequestCode.SET_VRING_NUM);
            ring.Size = (int)message.Num;
        }
    }

    private void SetAddress(VringAddress message)
    {
        RingState ring = FindRing(message.Index);
        if ((message.Flags & ~VringAddress.LogFlag) != 0)
        {
            throw new ProtocolException($"SET_VRING_ADDR of ring {ring.Index} has flags 0x{message.Flags:x}; only bit 0 is defined");
        }

        rings.CheckRunning(ring, message, "SET_VRING_ADDR");
        ring.Address = message;
    }

    private void SetBase(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (!State.IsPacked && message.Num > ushort.MaxValue && State.HasFeatures)
        {
            throw new ProtocolException($"SET_VRING_BASE gives split ring {ring.Index} the position 0x{message.Num:x}; an index has 16 bits");
        }

        CheckStopped(ring, RequestCode.SET_VRING_BASE);
        ring.Base = message.Num;
    }

    private void GetBase(VringState message)
    {
        RingState ring = FindRing(message.Index);
        ring.IsStarted = false;
        rings.Stop(ring);
        ring.DropKick();
        Reply.Set(new VringState(message.Index, ring.Base ?? (State.IsPacked ? RingPosition.PackedInitial : 0)));
    }

    private void SetKick(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        if (message.NoFd && ring.Kick is null && ring.Queue is null)
        {
            // Poll mode takes a notifier of the device's own, in-band kicks take one of ours; a ring that runs has one already.
            Session.Limits.CheckRoom(RequestCode.SET_VRING_KICK);
        }

        EventNotifier? kick = TakeNotifier(RequestCode.SET_VRING_KICK, message, descriptors);
        StartRing(ring, kick, inBand: kick is null && State.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS));
    }

    /// <summary>Starts a ring, or gives a running one another kick notifier. A ring that merely lacks something that may still come waits for it.</summary>
    private void StartRing(RingState ring, EventNotifier? kick, bool inBand)
    {
        if (rings.Layouts.Find(ring, State.Memory, ring.Address, out LayoutProblem problem) is null && !problem.IsIncomplete)
        {
            kick?.Dispose();
            throw new ProtocolException($"ring {ring.Index} can't start: {problem.Text}");
        }

        EventNotifier? old = ring.Kick;
        ring.Kick = inBand ? new EventNotifier() : kick;
        ring.IsKickInBand = inBand;
        ring.IsStarted = true;
        misses.Forget();
        try
        {
            if (ring.Queue is not null)
            {
                rings.Restart(ring, q => q.Kick = ring.Kick);
            }
        }
        finally
        {
            old?.Dispose();
        }
    }

    private void SetCall(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        EventNotifier? old = ring.Call;
        ring.Call = TakeNotifier(RequestCode.SET_VRING_CALL, message, descriptors);
        backend.UpdateCall(ring);
        if (old is null && ring.Queue is not null)
        {
            // Chains may have been used while there was nobody to tell: one interrupt too many is harmless, one too few hangs the guest.
            ring.Call?.Set();
        }

        old?.Dispose();
    }

    private void SetError(VringFdPayload message, FdCollection descriptors)
    {
        RingState ring = FindRing((uint)message.Index);
        EventNotifier? old = ring.Error;
        ring.Error = TakeNotifier(RequestCode.SET_VRING_ERR, message, descriptors);
        old?.Dispose();
    }

    private void SetEnabled(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num > 1)
        {
            throw new ProtocolException($"SET_VRING_ENABLE of ring {ring.Index} has the value {message.Num}; 0 and 1 are defined");
        }

        ring.IsEnabled = message.Num == 1;
    }

    private void SetEndian(VringState message)
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

        Turn.TakeCalls(MessageCosts.NotifierCalls, 0);
        return Session.TakeNotifier(descriptors.Take(0), request, message.Index);
    }

    private void KickInBand(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num != 0)
        {
            throw new ProtocolException($"VRING_KICK of ring {ring.Index} has the value {message.Num}; it is 0");
        }

        if (!ring.IsStarted)
        {
            Session.Limits.CheckRoom(RequestCode.VRING_KICK);
            StartRing(ring, null, inBand: true);
        }

        ring.Kick?.Set();
    }

    private void Restore(SessionSnapshot snapshot, RingData data)
    {
        if ((uint)data.Index >= (uint)State.Rings.Length)
        {
            throw new InvalidDataException($"the session has a ring {data.Index}; the device has {State.Rings.Length}");
        }

        RingState ring = State.Rings[data.Index];
        ring.Size = data.Size;
        ring.Address = data.Address;
        ring.Base = data.Base;
        ring.IsEnabled = data.IsEnabled;
        ring.IsEndianSet = data.IsBigEndian is not null;
        ring.IsBigEndian = data.IsBigEndian ?? false;
        ring.IsStarted = data.IsStarted;
        ring.IsKickInBand = data.IsKickInBand;
        ring.Kick = data.IsKickInBand ? new EventNotifier() : Notifier(snapshot, data.Kick);
        ring.Call = Notifier(snapshot, data.Call);
        ring.Error = Notifier(snapshot, data.Error);
        ring.MayHaveInflight = State.Inflight is not null && ring.Base is null;
    }

    private EventNotifier? Notifier(SessionSnapshot snapshot, int place) =>
        snapshot.DuplicateOptional(place) is { } descriptor ? Session.MakeForeignNotifier(descriptor) : null;
}
