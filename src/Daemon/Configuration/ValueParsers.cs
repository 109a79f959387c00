using System.Globalization;
using System.Net;
using System.Text;

namespace VhostNet.Daemon.Configuration;

/// <summary>Texts that mean something: shared by the command line and the configuration file. Each returns null and says why when the text is wrong.</summary>
internal static class ValueParsers
{
    /// <summary>Bytes that fit sun_path with its closing zero.</summary>
    public const int SocketPathMax = 107;

    /// <summary>Permission bits in octal, as chmod takes them.</summary>
    public static uint? Mode(string text, out string problem)
    {
        problem = string.Empty;
        if (text.Length is >= 3 and <= 4 && text.All(c => c is >= '0' and <= '7'))
        {
            return Convert.ToUInt32(text, 8) & 0x1FF;
        }

        problem = $"\"{text}\" is no file mode; write it in octal as chmod does, for example \"0660\"";
        return null;
    }

    /// <summary>An absolute path short enough for a Unix socket.</summary>
    public static string? SocketPath(string text, out string problem)
    {
        problem = string.Empty;
        if (text.Length == 0 || text.Contains('\0', StringComparison.Ordinal))
        {
            problem = "the socket path is empty; name a file, for example /run/vhostnet/guest.sock";
            return null;
        }

        // A relative path is resolved now, because the daemon must not depend on its working directory later.
        string full = Path.GetFullPath(text);
        int bytes = Encoding.UTF8.GetByteCount(full);
        if (bytes > SocketPathMax)
        {
            problem = $"the socket path \"{full}\" takes {bytes} bytes; the kernel allows {SocketPathMax}, choose a shorter directory";
            return null;
        }

        return full;
    }

    /// <summary>Where an HTTP endpoint listens: <c>unix:PATH</c> or a loopback address with a port.</summary>
    public static HttpListenOptions? Listen(string text, out string problem)
    {
        if (text.StartsWith("unix:", StringComparison.Ordinal))
        {
            string? path = SocketPath(text["unix:".Length..], out problem);
            return path is null ? null : new HttpListenOptions { Path = path };
        }

        string address = text.StartsWith("localhost:", StringComparison.Ordinal) ? string.Concat("127.0.0.1:", text.AsSpan("localhost:".Length)) : text;
        if (!IPEndPoint.TryParse(address, out IPEndPoint? endPoint) || endPoint.Port == 0)
        {
            problem = $"\"{text}\" is no place to listen at; write unix:PATH or an address with a port, for example 127.0.0.1:9464";
            return null;
        }

        if (!IPAddress.IsLoopback(endPoint.Address))
        {
            problem = $"{endPoint.Address} is not a loopback address; metrics are served without authentication, so listen at 127.0.0.1 or [::1] " +
                "or at unix:PATH";
            return null;
        }

        problem = string.Empty;
        return new HttpListenOptions { Address = endPoint };
    }

    /// <summary>Whether a text can be the name of a thread, network or port.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && char.IsAsciiLetterOrDigit(text[0]);

    /// <summary>What <see cref="IsName"/> wants, for error texts.</summary>
    public static string NameProblem(string text) =>
        string.Create(
            CultureInfo.InvariantCulture, $"\"{text}\" can't be a name; use 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit");
}
