using System.Net;
using System.Text.Json;
using VhostNet.Daemon.Hosting;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.Daemon.Api;

/// <summary>Writes the settings of a port that can change while it runs, as they are in force, with the keys of the configuration. Control thread.</summary>
internal static class PortSettingsWriter
{
    private static readonly SwitchPortOptions s_default = new();

    /// <summary>Writes limits and, of a switch's port, its part in the switch.</summary>
    public static void Write(Utf8JsonWriter json, PortEntry entry)
    {
        Port port = entry.Port;
        json.WriteStartObject("limits"u8);
        WriteLimit(json, "in"u8, port.IngressLimiter?.Limit);
        WriteLimit(json, "out"u8, port.EgressLimiter?.Limit);
        json.WriteEndObject();
        if (port.Network is SwitchNetwork)
        {
            WriteSwitch(json, entry.Options.Switch ?? s_default);
        }
    }

    private static void WriteLimit(Utf8JsonWriter json, ReadOnlySpan<byte> direction, RateLimit? limit)
    {
        if (limit is null)
        {
            json.WriteNull(direction);
            return;
        }

        json.WriteStartObject(direction);
        json.WriteNumber("framesPerSecond"u8, limit.FramesPerSecond);
        json.WriteNumber("bytesPerSecond"u8, limit.BytesPerSecond);
        json.WriteNumber("burstFrames"u8, limit.BurstFrames);
        json.WriteNumber("burstBytes"u8, limit.BurstBytes);
        json.WriteEndObject();
    }

    private static void WriteSwitch(Utf8JsonWriter json, SwitchPortOptions options)
    {
        json.WriteStartObject("switch"u8);
        if (options.Mode == SwitchVlanMode.Access)
        {
            json.WriteString("mode"u8, "access"u8);
            json.WriteNumber("vlan"u8, options.AccessVlan);
        }
        else
        {
            json.WriteString("mode"u8, "trunk"u8);
            WriteTrunk(json, options);
        }

        json.WriteBoolean("isolated"u8, options.Isolated);
        json.WriteBoolean("link"u8, options.LinkEnabled);
        json.WriteNumber("retries"u8, options.Retries);
        json.WriteNumber("macLimit"u8, options.MacLimit);
        WriteList(json, "staticMacs"u8, options.StaticMacs, static s => s.Vlan == 0 ? $"{s.Address}" : $"{s.Address}@{s.Vlan}");
        WriteList(json, "pinnedMacs"u8, options.PinnedMacs, static m => m.ToString());
        WriteList(json, "pinnedAddresses"u8, options.PinnedAddresses, Text);
        json.WriteStartObject("storm"u8);
        json.WriteNumber("broadcastPerSecond"u8, options.Storm.BroadcastPerSecond);
        json.WriteNumber("multicastPerSecond"u8, options.Storm.MulticastPerSecond);
        json.WriteNumber("unknownPerSecond"u8, options.Storm.UnknownPerSecond);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteTrunk(Utf8JsonWriter json, SwitchPortOptions options)
    {
        json.WriteBoolean("untagged"u8, options.NativeVlan is not null);
        if (options.NativeVlan is { } native)
        {
            json.WriteNumber("nativeVlan"u8, native);
        }

        if (options.AllowedVlans is not { } vlans)
        {
            json.WriteNull("vlans"u8);
            return;
        }

        json.WriteStartArray("vlans"u8);
        foreach (ushort vlan in vlans)
        {
            json.WriteNumberValue(vlan);
        }

        json.WriteEndArray();
    }

    private static string Text(IPNetwork network) =>
        network.PrefixLength == 8 * network.BaseAddress.GetAddressBytes().Length ? $"{network.BaseAddress}" : $"{network}";

    private static void WriteList<T>(Utf8JsonWriter json, ReadOnlySpan<byte> key, IReadOnlyCollection<T>? values, Func<T, string> text)
    {
        if (values is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartArray(key);
        foreach (T value in values)
        {
            json.WriteStringValue(text(value));
        }

        json.WriteEndArray();
    }
}
