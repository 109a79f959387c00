using System.Net;
using System.Net.Sockets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>An address in the guest's network whose TCP connections lead to a Unix socket of the host.</summary>
/// <param name="Guest">Where the guest connects to; an IPv4 address of its network.</param>
/// <param name="SocketPath">The listening Unix socket.</param>
public sealed record GuestForward(IPEndPoint Guest, string SocketPath)
{
    private const string Middle = "-unix:";

    /// <summary>Reads <c>tcp:ADDRESS:PORT-unix:PATH</c>.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static GuestForward Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int middle = text.IndexOf(Middle, StringComparison.Ordinal);
        if (!text.StartsWith("tcp:", StringComparison.Ordinal) || middle < 4 || middle + Middle.Length == text.Length)
        {
            throw new FormatException($"'{text}' is not a guest forward; it has the form tcp:ADDRESS:PORT-unix:PATH, as in tcp:10.0.2.100:80-unix:/run/web.sock");
        }

        IPEndPoint guest = HostForward.ParseEnd(text, text[4..middle]);
        if (guest.Port == 0 || guest.AddressFamily != AddressFamily.InterNetwork)
        {
            throw new FormatException($"guest forward '{text}' needs an IPv4 address and a port, 1 to 65535");
        }

        return new GuestForward(guest, text[(middle + Middle.Length)..]);
    }

    /// <summary>The notation that <see cref="Parse"/> reads.</summary>
    public override string ToString() => $"tcp:{Guest}{Middle}{SocketPath}";
}
