using System.Diagnostics.CodeAnalysis;
using System.Net;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Addresses in configuration.</summary>
internal static class AddressParsers
{
    /// <summary>What a MAC address looks like.</summary>
    public const string MacMeaning = "a MAC address such as 52:54:00:12:34:56";

    /// <summary>What an interface address looks like.</summary>
    public const string InterfaceMeaning = "an address with its prefix length, such as 10.0.2.2/24,";

    /// <summary>What an IP address looks like.</summary>
    public const string IpMeaning = "an IP address such as 10.0.2.2";

    /// <summary>An IP address, or null when the key is missing.</summary>
    public static IPAddress? Ip(ConfigSection section, string key) =>
        section.Text(key) is not { } text ? null
            : IPAddress.TryParse(text, out IPAddress? address) ? address
            : throw section.Error(key, $"\"{text}\" stands where {IpMeaning} is expected");

    /// <summary>An address with its prefix length, or null when the key is missing.</summary>
    public static InterfaceAddress? Interface(ConfigSection section, string key) =>
        section.Text(key) is not { } text ? null
            : TryInterface(text, out InterfaceAddress? address) ? address
            : throw section.Error(key, $"\"{text}\" stands where {InterfaceMeaning} is expected");

    /// <summary>An address with its prefix length.</summary>
    public static bool TryInterface(string text, [MaybeNullWhen(false)] out InterfaceAddress value)
    {
        try
        {
            value = InterfaceAddress.Parse(text);
            return true;
        }
        catch (FormatException)
        {
            value = null;
            return false;
        }
    }
}
