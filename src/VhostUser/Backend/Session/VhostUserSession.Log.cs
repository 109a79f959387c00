using VhostNet.Aio;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The dirty log ("Migration").</content>
public sealed partial class VhostUserSession
{
    private void SetLogBase(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (!_state.HasProtocol(ProtocolFeatures.LOG_SHMFD))
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

        Turn.TakeCalls(MappingCalls, 0);
        Turn.Take((long)_state.Rings.Length * RingCost);
        var message = Wire.Read<LogPayload>(payload);
        DirtyLogArea area = DirtyLogArea.Map(descriptors.Take(0), message.LogSize, message.MmapOffset, _options.SealPolicy, Log.Warning, _closer);
        area.Notifier = _logNotifier;
        DirtyLogArea? old = _state.Log;
        _state.Log = area;
        try
        {
            foreach (RingState ring in _state.Rings)
            {
                CheckRunningRing(ring, ring.Address, "SET_LOG_BASE");
            }
        }
        catch
        {
            _state.Log = old;
            area.Dispose();
            throw;
        }

        _rings.Retire(old);
        Log.Info($"dirty log: {message.LogSize} bytes, for {area.PageCount >> 8} MiB of guest memory");

        // The answer goes out after the rings use the log. Peers differ in its payload; front ends look at the request number only.
        _reply.Set(0UL);
    }

    private void SetLogNotifier(FdCollection descriptors)
    {
        Turn.TakeCalls(NotifierCalls, 0);
        FileDescriptor descriptor = descriptors.Take(0);
        EventNotifier notifier;
        try
        {
            NotifierCheck.Check(descriptor, RequestCode.SET_LOG_FD, 0);
            notifier = MakeForeignNotifier(descriptor);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }

        EventNotifier? old = _logNotifier;
        _logNotifier = notifier;
        if (_state.Log is { } area)
        {
            area.Notifier = notifier;
        }

        // A datapath thread that still holds the old one sets it after its end, which does nothing.
        old?.Dispose();
    }
}
