using System.Text.Json;
using VhostNet.Daemon.Hosting;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Daemon.Api;

/// <summary>Writes what a port's guest or front end makes the daemon keep, and may. Control thread.</summary>
internal static class QuotaStatusWriter
{
    /// <summary>Writes the quotas that a port has in use; nothing for a kind that has none.</summary>
    public static void Write(Utf8JsonWriter json, PortEntry entry)
    {
        if (entry.Endpoint?.Quotas is { } session)
        {
            SessionQuotas limits = entry.Options.Quotas;
            json.WriteStartObject("quotas"u8);
            WriteOne(json, "regions"u8, session.Regions, limits.Regions, session.RegionsRefused);
            WriteOne(json, "descriptors"u8, session.Descriptors, limits.Descriptors, session.DescriptorsRefused);
            WriteOne(json, "iotlbEntries"u8, session.IotlbEntries, limits.IotlbEntries, session.IotlbEvicted);
            json.WriteEndObject();
        }
        else if (entry.Inward.UserUse is { } user && entry.Options.KindOptions is UserOptions options)
        {
            json.WriteStartObject("quotas"u8);
            WriteOne(json, "flows"u8, user.Flows, options.FlowsMax, user.FlowsRefused);
            WriteOne(json, "sockets"u8, user.Sockets, options.SocketsMax, user.ReserveRefused);
            json.WriteEndObject();
        }
    }

    private static void WriteOne(Utf8JsonWriter json, ReadOnlySpan<byte> name, long used, long limit, long refused)
    {
        json.WriteStartObject(name);
        json.WriteNumber("used"u8, used);
        json.WriteNumber("limit"u8, limit);
        json.WriteNumber("refused"u8, refused);
        json.WriteEndObject();
    }
}
