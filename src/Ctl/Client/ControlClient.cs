using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Client;

/// <summary>Asks the daemon over its control socket. A connection is kept for the next request. One thread.</summary>
/// <param name="path">Path of the socket.</param>
internal sealed class ControlClient(string path) : IDisposable
{
    // The daemon answers within seven seconds whatever hangs; more is for a machine that has no time.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private HttpConnection? _connection;

    /// <summary>Path of the socket.</summary>
    public string Path => path;

    /// <summary>The address of a named thing, below its list.</summary>
    public static string Address(string list, string name, string more = "") => $"/{list}/{Uri.EscapeDataString(name)}{more}";

    /// <summary>Asks for a resource.</summary>
    /// <exception cref="CtlException">The daemon can't be reached, or it refuses; the message is its own sentence then.</exception>
    public JsonElement Get(string address) => Parse(Send("GET", address));

    /// <summary>Sends a request with a JSON object, or none.</summary>
    /// <returns>The answer's body, empty when it has none.</returns>
    /// <exception cref="CtlException">The daemon can't be reached, or it refuses; the message is its own sentence then.</exception>
    public byte[] Send(string method, string address, string? json = null)
    {
        byte[] body = json is null ? [] : Encoding.UTF8.GetBytes(json);
        HttpConnection connection = Begin(method, address, body);
        byte[] answer = Guard(() => ReadAll(connection));
        return connection.Status is >= 200 and < 300 ? answer : throw Refused(connection.Status, answer);
    }

    /// <summary>Asks for something that grows as things happen, which the caller reads to its end.</summary>
    /// <exception cref="CtlException">The daemon can't be reached, or it refuses; the message is its own sentence then.</exception>
    public HttpConnection Open(string address)
    {
        HttpConnection connection = Begin("GET", address, []);
        if (connection.Status is < 200 or >= 300)
        {
            throw Refused(connection.Status, Guard(() => ReadAll(connection)));
        }

        // It is the caller's; other requests go by another one.
        _connection = null;
        connection.WaitForEver();
        return connection;
    }

    /// <summary>Whether all threads of the daemon move. Needs none of them.</summary>
    public (bool Healthy, string Text) Health()
    {
        HttpConnection connection = Begin("GET", "/health", []);
        byte[] answer = Guard(() => ReadAll(connection));
        return (connection.Status == 200, Encoding.UTF8.GetString(answer).Trim());
    }

    /// <summary>Reads JSON.</summary>
    /// <exception cref="CtlException">It is none.</exception>
    public static JsonElement Parse(byte[] json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new CtlException(CtlExit.Unreachable, "the daemon's answer is no JSON; is it vhostnetd that listens on this socket?", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection?.Dispose();

    private static byte[] ReadAll(HttpConnection connection)
    {
        using var body = new MemoryStream();
        Span<byte> buffer = stackalloc byte[8192];
        while (connection.Read(buffer) is > 0 and int count)
        {
            body.Write(buffer[..count]);
        }

        return body.ToArray();
    }

    private static CtlException Refused(int status, byte[] answer)
    {
        string sentence = $"the daemon answered {status} without a reason";
        try
        {
            using JsonDocument document = JsonDocument.Parse(answer);
            sentence = document.RootElement.Text("error") is { Length: > 0 } error ? error : sentence;
        }
        catch (JsonException)
        {
            // The number is all there is to say.
        }

        return new CtlException(status is 409 or 503 ? CtlExit.Refused : status >= 500 ? CtlExit.Internal : CtlExit.Wrong, sentence);
    }

    private HttpConnection Begin(string method, string address, byte[] body)
    {
        if (_connection is { IsReusable: true } kept)
        {
            try
            {
                kept.Send(method, address, body);
                return kept;
            }
            catch (SocketException) when (method == "GET")
            {
                // The daemon closes connections that were idle for a while.
            }
        }

        _connection?.Dispose();
        _connection = null;
        return Guard(() =>
        {
            _connection = HttpConnection.Connect(path, s_patience);
            _connection.Send(method, address, body);
            return _connection;
        });
    }

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (SocketException e)
        {
            throw new CtlException(CtlExit.Unreachable, Explain(e), e);
        }
        catch (ArgumentException e)
        {
            // UnixDomainSocketEndPoint says so of a path that is too long.
            throw new CtlException(CtlExit.Wrong, $"--socket {path}: the kernel allows 107 bytes for the path of a socket", e);
        }
    }

    private string Explain(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressNotAvailable or SocketError.HostNotFound or SocketError.InvalidArgument when !File.Exists(path) =>
            $"{path}: there is no such socket; does vhostnetd run, with \"control\" in its configuration or --control? --socket names another place",
        SocketError.AccessDenied => $"{path}: permission denied; become a member of the group that the socket belongs to (usermod -aG vhostnet USER), or root",
        SocketError.ConnectionRefused => $"{path}: nobody answers there; the daemon that made this socket is gone",
        SocketError.TimedOut or SocketError.WouldBlock =>
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{path}: the daemon has not answered within {s_patience.TotalSeconds:0} s"),
        SocketError.ConnectionReset or SocketError.Shutdown => $"{path}: the daemon ended the connection before it had answered",
        _ when !File.Exists(path) =>
            $"{path}: there is no such socket; does vhostnetd run, with \"control\" in its configuration or --control? --socket names another place",
        _ => $"{path}: {e.Message}",
    };
}
