using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>The back-end channel (SET_BACKEND_REQ_FD), and the notifications that go over it. Control thread.</summary>
internal sealed class BackendMessages : MessageGroup
{
    private readonly BottomHalf _inBandCalls;
    private bool _configChangePending;

    /// <summary>Creates the group.</summary>
    public BackendMessages(SessionContext session)
        : base(session) => _inBandCalls = session.Loop.CreateBottomHalf(SendInBandCalls, "vring-call");

    /// <summary>The front end gave a channel: there is somebody to ask.</summary>
    public event Action? ChannelSet;

    /// <summary>The channel, or null before the front end gave one.</summary>
    public BackendChannel? Channel { get; private set; }

    /// <inheritdoc/>
    public override int KeptDescriptors => Count(Channel);

    /// <inheritdoc/>
    public override void Register(HandlerTable table) => table.Add(this, RequestCode.SET_BACKEND_REQ_FD, SetChannel);

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => Count(Channel);

    /// <summary>
    /// Tells the front end that configuration space changed (CONFIG_CHANGE_MSG). While the device is suspended nothing may be sent, so it waits for the next
    /// ring to start.
    /// </summary>
    /// <returns>False when the front end can't be told: CONFIG is not negotiated or it gave no back-end channel.</returns>
    public bool NotifyConfigChanged()
    {
        if (!State.HasProtocol(ProtocolFeatures.CONFIG | ProtocolFeatures.BACKEND_REQ) || Channel is not { IsOpen: true } channel)
        {
            return false;
        }

        _configChangePending = !State.AnyRunning;
        if (!_configChangePending)
        {
            channel.Send(BackendRequestCode.CONFIG_CHANGE_MSG);
        }

        return true;
    }

    /// <summary>A ring started: what waited for that is sent.</summary>
    public void SendPendingConfigChange()
    {
        if (_configChangePending)
        {
            NotifyConfigChanged();
        }
    }

    /// <summary>Tells of a broken ring, when that is done by a message (VRING_ERR).</summary>
    public void SendRingError(RingState ring)
    {
        if (ring.Error is null && State.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS))
        {
            Channel?.Send(BackendRequestCode.VRING_ERR, new VringState((uint)ring.Index, 0));
        }
    }

    /// <summary>Connects a running ring's calls to its notifier, to messages, or to nothing.</summary>
    public void UpdateCall(RingState ring)
    {
        if (ring.Queue is { } queue)
        {
            queue.RunLocked(locked =>
            {
                locked.CallNotifier = ring.Call;
                locked.CallInBand = InBandCallOf(ring);
            });
        }
    }

    /// <summary>How a ring's calls are sent as messages; null when they are not.</summary>
    public Action? InBandCallOf(RingState ring)
    {
        if (ring.Call is not null || Channel is null || !State.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS))
        {
            return null;
        }

        return () =>
        {
            // On a datapath thread. One message stands for all calls until it is sent.
            if (Interlocked.Exchange(ref ring.CallPending, 1) == 0)
            {
                _inBandCalls.Schedule();
            }
        };
    }

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) => data with
    {
        BackendChannel = writer.Add(Channel?.Socket),
        BackendPartialInput = Channel?.PartialInput.ToArray() ?? [],
        BackendUnanswered = Channel is { } channel ? [.. channel.Unanswered] : [],
    };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        SessionData data = snapshot.Data;
        if (snapshot.DuplicateOptional(data.BackendChannel) is { } socket)
        {
            Channel = new BackendChannel(
                Session.Loop, Session.Closer.Own(socket), Log, Session.ChannelOptions, [.. data.BackendPartialInput], data.BackendUnanswered);
        }
    }

    /// <summary>Hears no acknowledgement until <see cref="Continue"/>.</summary>
    public void Pause() => Channel?.Pause();

    /// <summary>Hears them again.</summary>
    public void Continue() => Channel?.Continue();

    /// <inheritdoc/>
    public override void Close()
    {
        _inBandCalls.Delete();
        Channel?.Dispose();
    }

    private void SetChannel(FdCollection descriptors)
    {
        FileDescriptor socket = descriptors.Take(0);
        if (statx_nowait(socket.Value, STATX_TYPE, out statx_t facts) < 0 || (facts.stx_mode & S_IFMT) != S_IFSOCK)
        {
            socket.Dispose();
            throw new ProtocolException($"SET_BACKEND_REQ_FD came with something that is no socket (mode 0{Convert.ToString(facts.stx_mode, 8)})");
        }

        Channel?.Dispose();
        Channel = new BackendChannel(Session.Loop, socket, Log, Session.ChannelOptions);
        foreach (RingState ring in State.Rings)
        {
            UpdateCall(ring);
        }

        ChannelSet?.Invoke();
    }

    private void SendInBandCalls()
    {
        foreach (RingState ring in State.Rings)
        {
            if (Interlocked.Exchange(ref ring.CallPending, 0) != 0 && ring.Queue is not null && !Session.IsEnded)
            {
                Channel?.Send(BackendRequestCode.VRING_CALL, new VringState((uint)ring.Index, 0));
            }
        }
    }
}
