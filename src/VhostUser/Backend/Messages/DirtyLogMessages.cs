using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>The dirty log ("Migration"). Control thread.</summary>
/// <param name="session">What all groups share.</param>
/// <param name="rings">The rings, which mark what they write.</param>
internal sealed class DirtyLogMessages(SessionContext session, SessionRings rings) : MessageGroup(session)
{
    private EventNotifier? _notifier;

    /// <inheritdoc/>
    public override int KeptDescriptors => Count(State.DirtyLog) + Count(_notifier);

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add(this, RequestCode.SET_LOG_BASE, SetBase);
        table.Add(this, RequestCode.SET_LOG_FD, SetNotifier);
    }

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) =>
        code == RequestCode.SET_LOG_BASE ? Count(State.DirtyLog) : Count(_notifier);

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) => data with
    {
        Log = State.DirtyLog is { } area ? new SharedAreaData(writer.Add(area.File), area.Size, area.Offset) : null,
        LogNotifier = writer.Add(_notifier),
    };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        if (snapshot.DuplicateOptional(snapshot.Data.LogNotifier) is { } descriptor)
        {
            _notifier = Session.MakeForeignNotifier(descriptor);
        }

        if (snapshot.Data.Log is { } log)
        {
            State.DirtyLog = DirtyLogArea.Map(
                Session.Closer.Own(snapshot.Duplicate(log.Descriptor)), log.Size, log.Offset, SealPolicy.Off, null, Session.Closer);
            State.DirtyLog.Notifier = _notifier;
        }
    }

    /// <inheritdoc/>
    public override void Close() => _notifier?.Dispose();

    private void SetBase(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (!State.HasProtocol(ProtocolFeatures.LOG_SHMFD))
        {
            // An address in the front end's memory, of no use to another process. Nothing is logged, and the front end knows that it can't be.
            Log.Warning("SET_LOG_BASE without LOG_SHMFD: the log can't be reached, nothing will be logged");
            return;
        }

        if (payload.Length != LogPayload.Size || descriptors.Count != 1)
        {
            throw ProtocolException.Fatal(
                $"SET_LOG_BASE has {payload.Length} bytes and {descriptors.Count} descriptors; with LOG_SHMFD {LogPayload.Size} bytes and 1 descriptor " +
                "are right");
        }

        Turn.TakeCalls(MessageCosts.MappingCalls, 0);
        Turn.Take((long)State.Rings.Length * MessageCosts.Ring);
        var message = Wire.Read<LogPayload>(payload);
        DirtyLogArea area = DirtyLogArea.Map(
            descriptors.Take(0), message.LogSize, message.MmapOffset, Session.Options.SealPolicy, Log.Warning, Session.Closer);
        area.Notifier = _notifier;
        DirtyLogArea? old = State.DirtyLog;
        State.DirtyLog = area;
        try
        {
            foreach (RingState ring in State.Rings)
            {
                rings.CheckRunning(ring, ring.Address, "SET_LOG_BASE");
            }
        }
        catch
        {
            State.DirtyLog = old;
            area.Dispose();
            throw;
        }

        rings.Retire(old);
        Log.Info($"dirty log: {message.LogSize} bytes, for {area.PageCount >> 8} MiB of guest memory");

        // The answer goes out after the rings use the log. Peers differ in its payload; front ends look at the request number only.
        Reply.Set(0UL);
    }

    private void SetNotifier(FdCollection descriptors)
    {
        Turn.TakeCalls(MessageCosts.NotifierCalls, 0);
        EventNotifier notifier = Session.TakeNotifier(descriptors.Take(0), RequestCode.SET_LOG_FD, 0);
        EventNotifier? old = _notifier;
        _notifier = notifier;
        if (State.DirtyLog is { } area)
        {
            area.Notifier = notifier;
        }

        // A datapath thread that still holds the old one sets it after its end, which does nothing.
        old?.Dispose();
    }
}
