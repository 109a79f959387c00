using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Datagram;

/// <summary>Between which sockets a <see cref="DatagramPort"/> carries frames.</summary>
public sealed record DatagramOptions
{
    /// <summary>Where frames arrive.</summary>
    public required SocketEndpoint Local { get; init; }

    /// <summary>Where frames are sent to, and the only place that they are taken from.</summary>
    public required SocketEndpoint Remote { get; init; }

    /// <summary>How long frames that come in wait for a guest that is gone, before they are read and thrown away.</summary>
    public TimeSpan Hold { get; init; } = Port.DefaultHoldTime;

    /// <summary>Reads LOCAL-REMOTE, two addresses as <see cref="SocketEndpoint.Parse"/> takes them.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static DatagramOptions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int dash = text.StartsWith("unix:", StringComparison.Ordinal) ? text.IndexOf("-unix:", StringComparison.Ordinal) : text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
        {
            throw new FormatException($"'{text}' is not LOCAL-REMOTE, as in 127.0.0.1:5000-127.0.0.1:5001 or unix:/run/a.sock-unix:/run/b.sock");
        }

        return new DatagramOptions { Local = SocketEndpoint.Parse(text[..dash]), Remote = SocketEndpoint.Parse(text[(dash + 1)..]) };
    }
}
