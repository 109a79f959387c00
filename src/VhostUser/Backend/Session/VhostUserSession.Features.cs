using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>Feature negotiation.</content>
public sealed partial class VhostUserSession
{
    private void SetFeatures(ulong features)
    {
        if ((features & ~_offeredFeatures) is not 0 and var unknown)
        {
            throw new ProtocolException($"SET_FEATURES acknowledges 0x{unknown:x}, which was not offered; offered are 0x{_offeredFeatures:x}");
        }

        // LOG_ALL starts and ends a migration, under traffic; nothing else can change while rings run by it.
        if (_state.AnyRunning && ((features ^ _state.Features) & ~VirtioFeatures.LOG_ALL) is not 0 and var changed)
        {
            throw new ProtocolException(
                $"SET_FEATURES changes 0x{changed:x} while rings run; only LOG_ALL may change then, stop the rings first " +
                "(GET_VRING_BASE)");
        }

        Turn.Take((long)_state.Rings.Length * RingCost);
        bool isNew = !_state.HasFeatures || features != _state.Features;
        ulong old = _state.Features;
        _state.Features = features;
        try
        {
            foreach (RingState ring in _state.Rings)
            {
                CheckRunningRing(ring, ring.Address, "SET_FEATURES");
            }
        }
        catch
        {
            _state.Features = old;
            throw;
        }

        if (isNew)
        {
            _device.FeaturesNegotiated(features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }

        _state.HasFeatures = true;
        if ((features & VirtioFeatures.PROTOCOL_FEATURES) == 0)
        {
            // Without the feature there is no SET_VRING_ENABLE: "the ring starts directly in the enabled state".
            foreach (RingState ring in _state.Rings)
            {
                ring.IsEnabled = true;
            }
        }

        if (isNew)
        {
            _offeredStore?.Acknowledged(features & ~VirtioFeatures.PROTOCOL_FEATURES, WarnLater);
            Log.Info($"features negotiated: 0x{features:x} of 0x{_offeredFeatures:x}");
        }
    }

    private void SetProtocolFeatures(ulong features)
    {
        if ((features & ~_offeredProtocolFeatures) is not 0 and var unknown)
        {
            throw new ProtocolException(
                $"SET_PROTOCOL_FEATURES acknowledges {ProtocolFeatures.Describe(unknown)}, which was not offered; offered are " +
                $"{ProtocolFeatures.Describe(_offeredProtocolFeatures)}");
        }

        CheckPrerequisites(features, ProtocolFeatures.INBAND_NOTIFICATIONS, ProtocolFeatures.REPLY_ACK | ProtocolFeatures.BACKEND_REQ);
        CheckPrerequisites(features, ProtocolFeatures.GET_VRING_BASE_INFLIGHT, ProtocolFeatures.INFLIGHT_SHMFD);
        CheckPrerequisites(
            features, ProtocolFeatures.GET_VRING_BASE_SKIP_DRAIN, ProtocolFeatures.INFLIGHT_SHMFD | ProtocolFeatures.GET_VRING_BASE_INFLIGHT);
        if (_state.AnyRunning && features != _state.ProtocolFeatures)
        {
            throw new ProtocolException("SET_PROTOCOL_FEATURES changes the features while rings run; stop the rings first (GET_VRING_BASE)");
        }

        if (features != _state.ProtocolFeatures)
        {
            _state.ProtocolFeatures = features;
            Log.Info($"protocol features negotiated: {ProtocolFeatures.Describe(features)}");
        }
    }

    private static void CheckPrerequisites(ulong features, ulong feature, ulong needed)
    {
        if ((features & feature) != 0 && (needed & ~features) is not 0 and var missing)
        {
            throw ProtocolException.Fatal(
                $"SET_PROTOCOL_FEATURES acknowledges {ProtocolFeatures.Describe(feature)} without {ProtocolFeatures.Describe(missing)}, which it needs");
        }
    }
}
