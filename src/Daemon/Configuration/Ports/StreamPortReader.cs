using VhostNet.VirtioNet.Ports.Stream;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Reads a <c>stream</c> port.</summary>
internal static class StreamPortReader
{
    /// <summary>Reads the port's keys.</summary>
    public static StreamOptions Read(ConfigSection section)
    {
        string text = section.RequiredText("address", "what to connect to, or where to listen, for example 127.0.0.1:5000 or listen:unix:/run/net.sock");
        StreamOptions options = section.Converted("address", text, StreamOptions.Parse);
        return options with
        {
            KeepAlive = section.Int("keepAliveSeconds", 0, 32767) is { } idle ? TimeSpan.FromSeconds(idle) : options.KeepAlive,
            UserTimeout = section.Int("userTimeoutSeconds", 0, 86400) is { } unanswered ? TimeSpan.FromSeconds(unanswered) : options.UserTimeout,
        };
    }
}
