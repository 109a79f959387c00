using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace VhostNet.VirtioNet.Addresses;

/// <summary>Where a socket is bound, listens or connects to: an IP address with a port, or a path.</summary>
public sealed record SocketEndpoint
{
    private const string UnixPrefix = "unix:";
    private const int PathMax = 107;

    private SocketEndpoint(EndPoint endPoint, string? path)
    {
        EndPoint = endPoint;
        Path = path;
    }

    /// <summary>The address in the framework's form.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>The path of a Unix socket, or null.</summary>
    public string? Path { get; }

    /// <summary>True for a Unix socket.</summary>
    public bool IsUnix => Path is not null;

    /// <summary>AF_UNIX, AF_INET or AF_INET6.</summary>
    internal int Family => EndPoint.AddressFamily switch
    {
        AddressFamily.Unix => AF_UNIX,
        AddressFamily.InterNetworkV6 => AF_INET6,
        _ => AF_INET,
    };

    /// <summary>An IP address with a port.</summary>
    public static SocketEndpoint Of(IPEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        return new SocketEndpoint(endPoint, null);
    }

    /// <summary>The path of a Unix socket.</summary>
    /// <exception cref="FormatException">The path is empty or too long.</exception>
    public static SocketEndpoint OfPath(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        int length = System.Text.Encoding.UTF8.GetByteCount(path);
        return length is > 0 and <= PathMax
            ? new SocketEndpoint(new UnixDomainSocketEndPoint(path), path)
            : throw new FormatException($"the socket path '{path}' takes {length} bytes; 1 to {PathMax} are possible");
    }

    /// <summary>Reads ADDRESS:PORT (IPv6 in brackets, no address for any) or unix:PATH.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static SocketEndpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            return OfPath(text[UnixPrefix.Length..]);
        }

        int colon = text.LastIndexOf(':');
        if (colon >= 0 && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            string address = text[..colon];
            bool brackets = address is ['[', .., ']'];
            if (address.Length == 0)
            {
                return new SocketEndpoint(new IPEndPoint(IPAddress.Any, port), null);
            }

            if (IPAddress.TryParse(brackets ? address[1..^1] : address, out IPAddress? parsed) && brackets == (parsed.AddressFamily == AddressFamily.InterNetworkV6))
            {
                return new SocketEndpoint(new IPEndPoint(parsed, port), null);
            }
        }

        throw new FormatException($"'{text}' is not an address; write ADDRESS:PORT with a numeric address (IPv6 in brackets), as in 127.0.0.1:5000, or unix:PATH");
    }

    /// <summary>The notation that <see cref="Parse"/> reads.</summary>
    public override string ToString() => Path is null ? EndPoint.ToString()! : UnixPrefix + Path;
}
