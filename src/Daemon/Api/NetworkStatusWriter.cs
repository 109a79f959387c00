using System.Text.Json;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Api;

/// <summary>Writes one network as JSON. Control thread.</summary>
internal static class NetworkStatusWriter
{
    /// <summary>Writes a network; of a switch also its address table's state and its mirror.</summary>
    public static void Write(Utf8JsonWriter json, Network network)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, network.Name);
        json.WriteString("kind"u8, network.Kind);
        WriteNames(json, "ports"u8, network.Ports);
        if (network is SwitchNetwork place)
        {
            json.WriteNumber("macTableCapacity"u8, place.Options.MacTableCapacity);
            json.WriteNumber("ageingSeconds"u8, (long)place.Options.Ageing.TotalSeconds);
            json.WriteNumber("addresses"u8, place.AddressCount);
            json.WriteNumber("addressesRefused"u8, place.AddressesRefused);
            json.WriteNumber("flooded"u8, place.FramesFlooded);
            WriteMirror(json, place.Mirror);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the addresses that a network knows; none for one that is no switch.</summary>
    public static void WriteAddresses(Utf8JsonWriter json, Network network)
    {
        json.WriteStartArray();
        if (network is SwitchNetwork place)
        {
            foreach (SwitchMacEntry entry in place.ListAddresses().OrderBy(e => e.Vlan).ThenBy(e => e.Address.Value))
            {
                json.WriteStartObject();
                json.WriteString("address"u8, entry.Address.ToString());
                json.WriteNumber("vlan"u8, entry.Vlan);
                json.WriteString("port"u8, entry.Port);
                json.WriteBoolean("static"u8, entry.IsStatic);
                json.WriteNumber("ageSeconds"u8, (long)(entry.Age * place.AgeingTick.TotalSeconds));
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
    }

    private static void WriteMirror(Utf8JsonWriter json, SwitchMirror? mirror)
    {
        if (mirror is null)
        {
            json.WriteNull("mirror"u8);
            return;
        }

        json.WriteStartObject("mirror"u8);
        json.WriteString("port"u8, mirror.Target.Name);
        if (mirror.From is { } from)
        {
            WriteNames(json, "from"u8, from);
        }

        if (mirror.To is { } to)
        {
            WriteNames(json, "to"u8, to);
        }

        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, ReadOnlySpan<byte> key, IEnumerable<Port> ports)
    {
        json.WriteStartArray(key);
        foreach (Port port in ports)
        {
            json.WriteStringValue(port.Name);
        }

        json.WriteEndArray();
    }
}
