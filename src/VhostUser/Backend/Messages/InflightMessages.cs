using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>The inflight area ("Inflight I/O tracking"). Control thread.</summary>
/// <param name="session">What all groups share.</param>
/// <param name="rings">The rings, which use the area.</param>
internal sealed class InflightMessages(SessionContext session, SessionRings rings) : MessageGroup(session)
{
    /// <inheritdoc/>
    public override int KeptDescriptors => Count(State.Inflight);

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add<InflightPayload>(this, RequestCode.GET_INFLIGHT_FD, Get);
        table.Add<InflightPayload>(this, RequestCode.SET_INFLIGHT_FD, Set);
    }

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => Count(State.Inflight);

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) =>
        State.Inflight is { } area ? data with { Inflight = new InflightData(writer.Add(area.File), area.Offset, area.QueueCount, area.QueueSize) } : data;

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        if (snapshot.Data.Inflight is { } area)
        {
            ulong size = (ulong)area.QueueCount * InflightArea.RegionSize(area.QueueSize, State.IsPacked);
            State.Inflight = InflightArea.Map(
                Session.Closer.Own(snapshot.Duplicate(area.Descriptor)), size, area.Offset, area.QueueCount, area.QueueSize, State.IsPacked,
                SealPolicy.Off, null, Session.Closer);
        }
    }

    private void Get(InflightPayload message)
    {
        Check(RequestCode.GET_INFLIGHT_FD, message);
        Session.Limits.CheckRoom(RequestCode.GET_INFLIGHT_FD);
        Session.Limits.CheckUnread(RequestCode.GET_INFLIGHT_FD);
        Turn.TakeCalls(MessageCosts.MappingCalls, 0);
        ulong size = message.QueueCount * InflightArea.RegionSize(message.QueueSize, State.IsPacked);
        Reply.Descriptor = InflightArea.CreateFile(message.QueueCount, message.QueueSize, State.IsPacked);
        Reply.Set(new InflightPayload(size, 0, message.QueueCount, message.QueueSize));
    }

    private void Set(InflightPayload message, FdCollection descriptors)
    {
        Check(RequestCode.SET_INFLIGHT_FD, message);
        if (State.AnyRunning)
        {
            throw new ProtocolException("SET_INFLIGHT_FD came while rings run; stop them first (GET_VRING_BASE)");
        }

        Turn.TakeCalls(MessageCosts.MappingCalls, 0);
        InflightArea area = InflightArea.Map(
            descriptors.Take(0), message.MmapSize, message.MmapOffset, message.QueueCount, message.QueueSize, State.IsPacked,
            Session.Options.SealPolicy, Log.Warning, Session.Closer);
        rings.Retire(State.Inflight);
        State.Inflight = area;
        foreach (RingState ring in State.Rings)
        {
            ring.MayHaveInflight = true;
        }
    }

    private void Check(RequestCode request, InflightPayload message)
    {
        if (message.QueueCount == 0 || message.QueueCount > State.Rings.Length)
        {
            throw new ProtocolException($"{request} is for {message.QueueCount} queues; the device has {State.Rings.Length}");
        }

        if (message.QueueSize is 0 or > RingState.SizeMax)
        {
            throw new ProtocolException($"{request} is for queues of {message.QueueSize} descriptors; 1 to {RingState.SizeMax} are possible");
        }
    }
}
