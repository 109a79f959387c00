using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Requests about the device as a whole: its status, configuration space, reset, announcements. Control thread.</summary>
/// <param name="session">What all groups share.</param>
/// <param name="rings">The rings, which a reset stops.</param>
internal sealed class DeviceMessages(SessionContext session, SessionRings rings) : MessageGroup(session)
{
    private const long JobNs = 100_000_000;

    private readonly RateLimit _jobs = new(session.Options.Clock, session.Options.Quotas.Jobs, JobNs);

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add(this, RequestCode.GET_QUEUE_NUM, () => Reply.Set((ulong)Session.Device.QueueNumAnswer));
        table.Add<ulong>(this, RequestCode.SEND_RARP, Announce);
        table.Add<ulong>(this, RequestCode.NET_SET_MTU, mtu => Ask(DeviceRequestKind.SetMtu, mtu));
        table.Add<ulong>(this, RequestCode.SET_STATUS, SetStatus);
        table.Add(this, RequestCode.GET_STATUS, () => Reply.Set((ulong)State.Status));
        table.Add(this, RequestCode.RESET_DEVICE, Reset);
        table.Add(this, RequestCode.GET_CONFIG, (payload, _) => GetConfig(payload));
        table.Add(this, RequestCode.SET_CONFIG, (payload, _) => SetConfig(payload));
    }

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) =>
        data with { Status = State.Status, DeviceState = Session.Device.SaveState() };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        State.Status = snapshot.Data.Status;
        if (!Session.Device.LoadState([.. snapshot.Data.DeviceState]))
        {
            throw new InvalidDataException("the device does not understand its state");
        }
    }

    private void Ask(DeviceRequestKind kind, ulong value)
    {
        if (!Session.Device.Handle(new DeviceRequest(kind, value)))
        {
            Reply.Decline($"the device does not accept {kind} with the value {value}");
        }
    }

    private void Announce(ulong address)
    {
        if (!_jobs.TryTake())
        {
            Session.Counters.JobsRefused++;
            Reply.Decline($"{Session.Options.Quotas.Jobs} announcements at once and then ten a second are taken (quotas.jobs)");
            return;
        }

        Ask(DeviceRequestKind.Announce, address);
    }

    private void SetStatus(ulong value)
    {
        if (value > byte.MaxValue)
        {
            throw new ProtocolException($"SET_STATUS has the value 0x{value:x}; the device status has 8 bits");
        }

        Ask(DeviceRequestKind.StatusChanged, value);
        if (Reply.Declined is null)
        {
            State.Status = (byte)value;
        }
    }

    private void Reset()
    {
        foreach (RingState ring in State.Rings)
        {
            rings.Stop(ring);
            ring.Reset();
        }

        State.Status = 0;
        Ask(DeviceRequestKind.Reset, 0);
        if (State.HasFeatures)
        {
            // The device has forgotten them. Some front ends don't acknowledge them again, and those that do acknowledge the same ones.
            Session.Device.FeaturesNegotiated(State.Features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }

        Log.Info("device reset");
    }

    private void GetConfig(ReadOnlySpan<byte> payload)
    {
        ConfigHeader header = ReadConfigHeader(RequestCode.GET_CONFIG, payload);
        Span<byte> reply = Reply.Append(ConfigHeader.Size + (int)header.Length);
        Wire.Write(reply, header with { Flags = 0 });
        if (!Session.Device.ReadConfig(header.Offset, reply[ConfigHeader.Size..], State.IsBigEndianGuest))
        {
            Log.Warning($"GET_CONFIG of {header.Length} bytes at offset {header.Offset} is outside the device's configuration space");
            Reply.SetEmpty();
        }
    }

    private void SetConfig(ReadOnlySpan<byte> payload)
    {
        ConfigHeader header = ReadConfigHeader(RequestCode.SET_CONFIG, payload);
        if (header.Flags > ConfigHeader.MigrationFlag)
        {
            throw new ProtocolException($"SET_CONFIG has flags 0x{header.Flags:x}; 0 (a write of the guest) and 1 (a migration) are defined");
        }

        bool migration = header.Flags == ConfigHeader.MigrationFlag;
        if (!Session.Device.WriteConfig(header.Offset, payload[ConfigHeader.Size..], migration))
        {
            string by = migration ? string.Empty : " by the guest";
            Reply.Decline($"{header.Length} bytes at offset {header.Offset} of configuration space are not writable{by}");
        }
    }

    private static ConfigHeader ReadConfigHeader(RequestCode request, ReadOnlySpan<byte> payload)
    {
        var header = Wire.Read<ConfigHeader>(payload);
        if (header.Length > ConfigHeader.LengthMax || payload.Length != ConfigHeader.Size + (int)header.Length)
        {
            throw ProtocolException.Fatal(
                $"{request} announces {header.Length} bytes in a payload of {payload.Length}; {ConfigHeader.Size} and the announced bytes, at most " +
                $"{ConfigHeader.LengthMax}, are right");
        }

        return header;
    }
}
