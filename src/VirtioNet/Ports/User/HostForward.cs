using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>A port of the host that leads to a port of the guest.</summary>
/// <param name="Udp">UDP rather than TCP.</param>
/// <param name="Host">Where the host listens.</param>
/// <param name="Guest">Where it leads; the address 0.0.0.0 stands for the first one that DHCP hands out.</param>
public sealed record HostForward(bool Udp, IPEndPoint Host, IPEndPoint Guest)
{
    private const string Form = "tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT, as in tcp:127.0.0.1:2222-:22";

    /// <summary>Reads QEMU's notation: <c>tcp:HOSTADDR:HOSTPORT-GUESTADDR:GUESTPORT</c>, both addresses optional, IPv6 ones in brackets.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static HostForward Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string protocol = colon < 0 ? text : text[..colon];
        int dash = text.LastIndexOf('-');
        if (protocol is not ("tcp" or "udp") || dash < colon)
        {
            throw new FormatException($"'{text}' is not a host forward; it has the form {Form}");
        }

        IPEndPoint host = ParseEnd(text, text[(colon + 1)..dash]);
        IPEndPoint guest = ParseEnd(text, text[(dash + 1)..]);
        if (guest.Port == 0)
        {
            throw new FormatException($"host forward '{text}' leads to port 0; name the guest's port, 1 to 65535");
        }

        if (host.AddressFamily != guest.AddressFamily)
        {
            throw guest.Address.Equals(IPAddress.Any)
                ? new FormatException($"host forward '{text}' listens on an IPv6 address; name the guest's IPv6 address too")
                : new FormatException($"host forward '{text}' mixes IPv4 and IPv6; both ends must be of one kind");
        }

        return new HostForward(protocol == "udp", host, guest);
    }

    /// <summary>QEMU's notation.</summary>
    public override string ToString() => $"{(Udp ? "udp" : "tcp")}:{Host}-{Guest}";

    internal static IPEndPoint ParseEnd(string whole, string text)
    {
        int colon = text.LastIndexOf(':');
        string address = colon < 0 ? string.Empty : text[..colon];
        if (colon >= 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= 65535)
        {
            if (address.Length == 0)
            {
                return new IPEndPoint(IPAddress.Any, port);
            }

            bool brackets = address is ['[', .., ']'];
            if (IPAddress.TryParse(brackets ? address[1..^1] : address, out IPAddress? parsed) && brackets == (parsed.AddressFamily == AddressFamily.InterNetworkV6))
            {
                return new IPEndPoint(parsed, port);
            }
        }

        throw new FormatException($"'{text}' in '{whole}' is not ADDRESS:PORT with a numeric address (IPv6 in brackets) and a port up to 65535; the form is {Form}");
    }
}
