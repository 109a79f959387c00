using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>Requests about the device as a whole.</content>
public sealed partial class VhostUserSession
{
    private void AskDevice(DeviceRequestKind kind, ulong value)
    {
        if (!_device.Handle(new DeviceRequest(kind, value)))
        {
            _reply.Decline($"the device does not accept {kind} with the value {value}");
        }
    }

    private void SetStatus(ulong value)
    {
        if (value > byte.MaxValue)
        {
            throw new ProtocolException($"SET_STATUS has the value 0x{value:x}; the device status has 8 bits");
        }

        AskDevice(DeviceRequestKind.StatusChanged, value);
        if (_reply.Declined is null)
        {
            _state.Status = (byte)value;
        }
    }

    private void ResetDevice()
    {
        foreach (RingState ring in _state.Rings)
        {
            _rings.Stop(ring);
            ring.Reset();
        }

        _state.Status = 0;
        AskDevice(DeviceRequestKind.Reset, 0);
        if (_state.HasFeatures)
        {
            // The device has forgotten them. Some front ends don't acknowledge them again, and those that do acknowledge the same ones.
            _device.FeaturesNegotiated(_state.Features & ~VirtioFeatures.PROTOCOL_FEATURES);
        }

        Log.Info("device reset");
    }

    private void GetConfig(ReadOnlySpan<byte> payload)
    {
        ConfigHeader header = ReadConfigHeader(RequestCode.GET_CONFIG, payload);
        Span<byte> reply = _reply.Append(ConfigHeader.Size + (int)header.Length);
        Wire.Write(reply, header with { Flags = 0 });
        if (!_device.ReadConfig(header.Offset, reply[ConfigHeader.Size..], _state.IsBigEndianGuest))
        {
            Log.Warning($"GET_CONFIG of {header.Length} bytes at offset {header.Offset} is outside the device's configuration space");
            _reply.SetEmpty();
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
        if (!_device.WriteConfig(header.Offset, payload[ConfigHeader.Size..], migration))
        {
            string by = migration ? string.Empty : " by the guest";
            _reply.Decline($"{header.Length} bytes at offset {header.Offset} of configuration space are not writable{by}");
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
