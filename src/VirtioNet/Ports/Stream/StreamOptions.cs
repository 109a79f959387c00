using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Ports.Stream;

/// <summary>How a <see cref="StreamPort"/> finds its other end.</summary>
public sealed record StreamOptions
{
    /// <summary>Where to listen, or what to connect to.</summary>
    public required SocketEndpoint Endpoint { get; init; }

    /// <summary>Whether to listen and take one connection at a time, rather than to connect and go on trying.</summary>
    public bool Listen { get; init; }

    /// <summary>Wait after the first failed try to connect; it doubles with each further one.</summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest wait between tries to connect.</summary>
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Silence after which the peer of a TCP connection is asked whether it is still there, in whole seconds; three unanswered questions, a third of this time
    /// apart, end the connection. 0 for never.
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long what was sent by TCP, a question among it, may stay without an acknowledgement before the connection ends; 0 leaves it to the kernel, which
    /// takes 15 minutes.
    /// </summary>
    public TimeSpan UserTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads an address as <see cref="SocketEndpoint.Parse"/> takes it, with <c>listen:</c> before it to listen.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static StreamOptions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        const string listen = "listen:";
        const string connect = "connect:";
        bool listens = text.StartsWith(listen, StringComparison.Ordinal);
        string address = listens ? text[listen.Length..] : text.StartsWith(connect, StringComparison.Ordinal) ? text[connect.Length..] : text;
        return new StreamOptions { Endpoint = SocketEndpoint.Parse(address), Listen = listens };
    }
}
