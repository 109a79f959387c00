using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The back-end channel, notifications that go over it, and in-band kicks.</content>
public sealed partial class VhostUserSession
{
    private BackendChannel? _backendChannel;
    private bool _configChangePending;

    /// <summary>
    /// Tells the front end that configuration space changed (CONFIG_CHANGE_MSG). While the device is suspended nothing may be sent, so it waits for the next
    /// ring to start.
    /// </summary>
    /// <returns>False when the front end can't be told: CONFIG is not negotiated or it gave no back-end channel.</returns>
    public bool NotifyConfigChanged()
    {
        if (!_state.HasProtocol(ProtocolFeatures.CONFIG | ProtocolFeatures.BACKEND_REQ) || _backendChannel is not { IsOpen: true } channel)
        {
            return false;
        }

        _configChangePending = !_state.AnyRunning;
        if (!_configChangePending)
        {
            channel.Send(BackendRequestCode.CONFIG_CHANGE_MSG);
        }

        return true;
    }

    private void SetBackendChannel(FdCollection descriptors)
    {
        FileDescriptor socket = descriptors.Take(0);
        if (statx_nowait(socket.Value, STATX_TYPE, out statx_t facts) < 0 || (facts.stx_mode & S_IFMT) != S_IFSOCK)
        {
            socket.Dispose();
            throw new ProtocolException($"SET_BACKEND_REQ_FD came with something that is no socket (mode 0{Convert.ToString(facts.stx_mode, 8)})");
        }

        _backendChannel?.Dispose();
        _backendChannel = new BackendChannel(_context, socket, Log, _channelOptions);
        foreach (RingState ring in _state.Rings)
        {
            UpdateCall(ring);
        }

        // What was missed while there was nobody to ask is missed again.
        _iotlbMisses.Forget();
        WakeRings();
    }

    /// <summary>Connects a running ring's calls to its notifier, to messages, or to nothing.</summary>
    private void UpdateCall(RingState ring)
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

    private Action? InBandCallOf(RingState ring)
    {
        if (ring.Call is not null || _backendChannel is null || !_state.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS))
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

    private void SendInBandCalls()
    {
        foreach (RingState ring in _state.Rings)
        {
            if (Interlocked.Exchange(ref ring.CallPending, 0) != 0 && ring.Queue is not null && !_ended)
            {
                _backendChannel?.Send(BackendRequestCode.VRING_CALL, new VringState((uint)ring.Index, 0));
            }
        }
    }

    private void ReportBroken(RingState ring, Virtqueue queue)
    {
        if (_ended)
        {
            return;
        }

        Log.Warning($"ring {ring.Index} is broken ({queue.LastError}); it rests until the guest resets it");
        if (ring.Error is null && _state.HasProtocol(ProtocolFeatures.INBAND_NOTIFICATIONS))
        {
            _backendChannel?.Send(BackendRequestCode.VRING_ERR, new VringState((uint)ring.Index, 0));
        }
    }

    private void HandleInBandKick(VringState message)
    {
        RingState ring = FindRing(message.Index);
        if (message.Num != 0)
        {
            throw new ProtocolException($"VRING_KICK of ring {ring.Index} has the value {message.Num}; it is 0");
        }

        if (!ring.IsStarted)
        {
            CheckRoom(RequestCode.VRING_KICK);
            StartRing(ring, null, inBand: true);
        }

        ring.Kick?.Set();
    }
}
