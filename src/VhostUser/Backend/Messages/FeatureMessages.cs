using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Feature negotiation, and the ownership that begins it. Control thread.</summary>
internal sealed class FeatureMessages : MessageGroup
{
    private readonly SessionRings _rings;
    private readonly OfferedFeatureStore? _store;

    /// <summary>Decides what is offered.</summary>
    /// <param name="session">What all groups share.</param>
    /// <param name="rings">The rings, for which features mean something.</param>
    /// <param name="store">Remembers what was offered on this socket; null when nothing does.</param>
    public FeatureMessages(SessionContext session, SessionRings rings, OfferedFeatureStore? store)
        : base(session)
    {
        _rings = rings;
        _store = store;
        Offered = OfferFeatures();
        OfferedProtocol = (SessionOptions.SessionProtocolFeatures | (session.Device.ProtocolFeatures & SessionOptions.DeviceProtocolFeatures))
            & session.Options.AllowedProtocolFeatures & (UserFault.IsAvailable ? ulong.MaxValue : ~ProtocolFeatures.PAGEFAULT);
    }

    /// <summary>Virtio features that are offered, VHOST_USER_F_PROTOCOL_FEATURES among them.</summary>
    public ulong Offered { get; private set; }

    /// <summary>Protocol features that are offered.</summary>
    public ulong OfferedProtocol { get; private set; }

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add(this, RequestCode.GET_FEATURES, () => Reply.Set(Offered));
        table.Add<ulong>(this, RequestCode.SET_FEATURES, SetFeatures);
        table.Add(this, RequestCode.GET_PROTOCOL_FEATURES, () => Reply.Set(OfferedProtocol));
        table.Add<ulong>(this, RequestCode.SET_PROTOCOL_FEATURES, SetProtocolFeatures);
        table.Add(this, RequestCode.SET_OWNER, () => State.IsOwned = true);

        // Deprecated; the specification recommends to ignore it.
        table.Add(this, RequestCode.RESET_OWNER, static () => { });
    }

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) => data with
    {
        OfferedFeatures = Offered,
        OfferedProtocolFeatures = OfferedProtocol,
        HasFeatures = State.HasFeatures,
        Features = State.Features,
        ProtocolFeatures = State.ProtocolFeatures,
        IsOwned = State.IsOwned,
    };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        SessionData data = snapshot.Data;
        Offered = data.OfferedFeatures;
        OfferedProtocol = data.OfferedProtocolFeatures;
        State.Features = data.Features;
        State.HasFeatures = data.HasFeatures;
        State.ProtocolFeatures = data.ProtocolFeatures;
        State.IsOwned = data.IsOwned;
        if (data.HasFeatures)
        {
            Session.Device.FeaturesNegotiated(data.Features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }
    }

    private ulong OfferFeatures()
    {
        ulong features = Session.Device.Features;
        if (_store is not null)
        {
            features = _store.Offer(features, out string? warning, Session.WarnLater);
            if (warning is not null)
            {
                Log.Warning(warning);
            }
        }

        return features | VirtioFeatures.PROTOCOL_FEATURES;
    }

    private void SetFeatures(ulong features)
    {
        if ((features & ~Offered) is not 0 and var unknown)
        {
            throw new ProtocolException($"SET_FEATURES acknowledges 0x{unknown:x}, which was not offered; offered are 0x{Offered:x}");
        }

        // LOG_ALL starts and ends a migration, under traffic; nothing else can change while rings run by it.
        if (State.AnyRunning && ((features ^ State.Features) & ~VirtioFeatures.LOG_ALL) is not 0 and var changed)
        {
            throw new ProtocolException(
                $"SET_FEATURES changes 0x{changed:x} while rings run; only LOG_ALL may change then, stop the rings first " +
                "(GET_VRING_BASE)");
        }

        Turn.Take((long)State.Rings.Length * MessageCosts.Ring);
        bool isNew = !State.HasFeatures || features != State.Features;
        ulong old = State.Features;
        State.Features = features;
        try
        {
            foreach (RingState ring in State.Rings)
            {
                _rings.CheckRunning(ring, ring.Address, "SET_FEATURES");
            }
        }
        catch
        {
            State.Features = old;
            throw;
        }

        if (isNew)
        {
            Session.Device.FeaturesNegotiated(features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }

        State.HasFeatures = true;
        if ((features & VirtioFeatures.PROTOCOL_FEATURES) == 0)
        {
            // Without the feature there is no SET_VRING_ENABLE: "the ring starts directly in the enabled state".
            foreach (RingState ring in State.Rings)
            {
                ring.IsEnabled = true;
            }
        }

        if (isNew)
        {
            _store?.Acknowledged(features & ~VirtioFeatures.PROTOCOL_FEATURES, Session.WarnLater);
            Log.Info($"features negotiated: 0x{features:x} of 0x{Offered:x}");
        }
    }

    private void SetProtocolFeatures(ulong features)
    {
        if ((features & ~OfferedProtocol) is not 0 and var unknown)
        {
            throw new ProtocolException(
                $"SET_PROTOCOL_FEATURES acknowledges {ProtocolFeatures.Describe(unknown)}, which was not offered; offered are " +
                $"{ProtocolFeatures.Describe(OfferedProtocol)}");
        }

        CheckPrerequisites(features, ProtocolFeatures.INBAND_NOTIFICATIONS, ProtocolFeatures.REPLY_ACK | ProtocolFeatures.BACKEND_REQ);
        CheckPrerequisites(features, ProtocolFeatures.GET_VRING_BASE_INFLIGHT, ProtocolFeatures.INFLIGHT_SHMFD);
        CheckPrerequisites(
            features, ProtocolFeatures.GET_VRING_BASE_SKIP_DRAIN, ProtocolFeatures.INFLIGHT_SHMFD | ProtocolFeatures.GET_VRING_BASE_INFLIGHT);
        if (State.AnyRunning && features != State.ProtocolFeatures)
        {
            throw new ProtocolException("SET_PROTOCOL_FEATURES changes the features while rings run; stop the rings first (GET_VRING_BASE)");
        }

        if (features != State.ProtocolFeatures)
        {
            State.ProtocolFeatures = features;
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
