using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace VhostNet.VirtioNet.Addresses;

/// <summary>An IP address with the length of its network's prefix, such as 10.0.2.2/24.</summary>
/// <param name="Address">The address.</param>
/// <param name="PrefixLength">Bits of the network part.</param>
public sealed record InterfaceAddress(IPAddress Address, int PrefixLength)
{
    /// <summary>True for IPv6.</summary>
    public bool IsIPv6 => Address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Reads ADDRESS/PREFIX.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static InterfaceAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && IPAddress.TryParse(text.AsSpan(0, slash), out IPAddress? address)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int prefix)
            && prefix <= (address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32))
        {
            return new InterfaceAddress(address, prefix);
        }

        throw new FormatException($"'{text}' is not an address with a prefix length, as in 10.0.2.2/24 or fe80::2/64");
    }

    /// <summary>ADDRESS/PREFIX.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{PrefixLength}");
}
