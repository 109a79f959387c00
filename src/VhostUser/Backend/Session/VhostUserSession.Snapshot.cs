using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The session's state as one value, taken from a live session and made into another one.</content>
public sealed partial class VhostUserSession
{
    /// <summary>
    /// True when a snapshot would hold everything: no reply waits for room in the socket, no transfer of device state or postcopy hand-shake is half done.
    /// </summary>
    public bool CanCapture => !_ended && _channel.UnsentCount == 0 && _transfer is null && _unconfirmedMemory is null && _userFault is null;

    /// <summary>Captures the state; the session and its rings go on.</summary>
    /// <exception cref="InvalidOperationException">This is not the moment, see <see cref="CanCapture"/>.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public SessionSnapshot Capture()
    {
        if (!CanCapture)
        {
            throw new InvalidOperationException("The session can't be captured now; try again when the loop has run.");
        }

        var writer = new SnapshotWriter();
        try
        {
            return new SessionSnapshot(CaptureData(writer), writer.Descriptors);
        }
        catch
        {
            writer.Abandon();
            throw;
        }
    }

    /// <summary>
    /// Stops the rings, captures the state and ends the session without the front end noticing: its connection lives on in the snapshot's descriptor.
    /// </summary>
    /// <exception cref="InvalidOperationException">This is not the moment, see <see cref="CanCapture"/>.</exception>
    public SessionSnapshot Detach()
    {
        if (!CanCapture)
        {
            throw new InvalidOperationException("The session can't be captured now; try again when the loop has run.");
        }

        _rings.StopAll();
        SessionSnapshot snapshot;
        try
        {
            snapshot = Capture();
        }
        catch
        {
            _rings.Reconcile();
            throw;
        }

        _channel.Dispose();
        End("handed over", isError: false);
        return snapshot;
    }

    /// <summary>Builds a session from a snapshot; its rings continue where they stood.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="snapshot">The state; stays the caller's.</param>
    /// <param name="device">The device.</param>
    /// <param name="name">Name in log lines.</param>
    /// <param name="options">How to behave.</param>
    /// <param name="offeredStore">Remembers what is acknowledged from here on; null when nothing does.</param>
    /// <returns>The session, to be started.</returns>
    /// <exception cref="InvalidDataException">The device does not fit the state, or the state does not fit together.</exception>
    /// <exception cref="GuestMemoryException">Guest memory can't be mapped.</exception>
    public static VhostUserSession Resume(
        AioContext context, SessionSnapshot snapshot, IVhostUserDevice device, string name, SessionOptions options, OfferedFeatureStore? offeredStore = null)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(device);
        if ((snapshot.Data.Features & ~(device.Features | VirtioFeatures.PROTOCOL_FEATURES)) is not 0 and var missing)
        {
            throw new InvalidDataException($"the guest uses features 0x{missing:x} that the device does not have");
        }

        var session = new VhostUserSession(context, snapshot.Duplicate(snapshot.Data.Connection), device, name, options, offeredStore);
        session._isResumed = true;
        try
        {
            session.Restore(snapshot);
            return session;
        }
        catch
        {
            session._channel.Dispose();
            session.End("its state could not be restored", isError: true);
            throw;
        }
    }

    private SessionData CaptureData(SnapshotWriter writer) => new()
    {
        OfferedFeatures = _offeredFeatures,
        OfferedProtocolFeatures = _offeredProtocolFeatures,
        HasFeatures = _state.HasFeatures,
        Features = _state.Features,
        ProtocolFeatures = _state.ProtocolFeatures,
        Status = _state.Status,
        IsOwned = _state.IsOwned,
        Connection = writer.Add(_channel.Socket),
        PartialInput = _channel.PartialInput.ToArray(),
        PartialDescriptors = [.. _channel.PartialDescriptors.Select(writer.Add)],
        Regions = writer.Regions(_state.Memory),
        Rings = [.. _state.Rings.Select(writer.Ring).OfType<RingData>()],
        Iotlb = [.. _state.Iotlb.Entries],
        Log = _state.Log is { } log ? new SharedAreaData(writer.Add(log.File), log.Size, log.Offset) : null,
        LogNotifier = writer.Add(_logNotifier),
        Inflight = _state.Inflight is { } area ? new InflightData(writer.Add(area.File), area.Offset, area.QueueCount, area.QueueSize) : null,
        BackendChannel = writer.Add(_backendChannel?.Socket),
        BackendPartialInput = _backendChannel?.PartialInput.ToArray() ?? [],
        BackendUnanswered = _backendChannel is { } channel ? [.. channel.Unanswered] : [],
        DeviceState = _device.SaveState(),
    };

    private void Restore(SessionSnapshot snapshot)
    {
        SessionData data = snapshot.Data;
        _hasMessages = true;
        _offeredFeatures = data.OfferedFeatures;
        _offeredProtocolFeatures = data.OfferedProtocolFeatures;
        _state.Features = data.Features;
        _state.HasFeatures = data.HasFeatures;
        _state.ProtocolFeatures = data.ProtocolFeatures;
        _state.Status = data.Status;
        _state.IsOwned = data.IsOwned;
        _channel.RestorePartialInput([.. data.PartialInput], data.PartialDescriptors.Select(place => _closer.Own(snapshot.Duplicate(place))));
        if (!_device.LoadState([.. data.DeviceState]))
        {
            throw new InvalidDataException("the device does not understand its state");
        }

        if (data.HasFeatures)
        {
            _device.FeaturesNegotiated(data.Features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }

        RestoreMemory(snapshot, data);
        if (snapshot.DuplicateOptional(data.BackendChannel) is { } socket)
        {
            _backendChannel = new BackendChannel(_context, _closer.Own(socket), Log, _channelOptions, [.. data.BackendPartialInput], data.BackendUnanswered);
        }

        foreach (RingData ring in data.Rings)
        {
            RestoreRing(snapshot, ring);
        }

        BeginStarting();
        _rings.Reconcile();
        UpdateUse();
        foreach (RingState ring in _state.Rings)
        {
            // The one before may have ended between using chains and saying so.
            ring.Call?.Set();
        }
    }

    private void RestoreMemory(SessionSnapshot snapshot, SessionData data)
    {
        var regions = new List<MemoryRegion>();
        try
        {
            foreach (RegionData region in data.Regions)
            {
                regions.Add(MemoryRegion.Map(region.Description, _closer.Own(snapshot.Duplicate(region.Descriptor)), SealPolicy.Off, null, _closer));
            }

            _state.Memory = new MemoryTable(regions);
        }
        finally
        {
            regions.ForEach(r => r.Release());
        }

        foreach (IotlbEntry entry in data.Iotlb)
        {
            _state.Iotlb.Update(entry);
        }

        _logNotifier = Notifier(snapshot, data.LogNotifier);
        if (data.Log is { } log)
        {
            _state.Log = DirtyLogArea.Map(_closer.Own(snapshot.Duplicate(log.Descriptor)), log.Size, log.Offset, SealPolicy.Off, null, _closer);
            _state.Log.Notifier = _logNotifier;
        }

        if (data.Inflight is { } area)
        {
            ulong size = (ulong)area.QueueCount * InflightArea.RegionSize(area.QueueSize, _state.IsPacked);
            _state.Inflight = InflightArea.Map(
                _closer.Own(snapshot.Duplicate(area.Descriptor)), size, area.Offset, area.QueueCount, area.QueueSize, _state.IsPacked, SealPolicy.Off, null, _closer);
        }
    }

    private void RestoreRing(SessionSnapshot snapshot, RingData data)
    {
        if ((uint)data.Index >= (uint)_state.Rings.Length)
        {
            throw new InvalidDataException($"the session has a ring {data.Index}; the device has {_state.Rings.Length}");
        }

        RingState ring = _state.Rings[data.Index];
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
        ring.MayHaveInflight = _state.Inflight is not null && ring.Base is null;
    }

    private EventNotifier? Notifier(SessionSnapshot snapshot, int place) =>
        snapshot.DuplicateOptional(place) is { } descriptor ? MakeForeignNotifier(descriptor) : null;
}
