using System.Globalization;
using System.Net.Sockets;
using System.Text;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Client;

/// <summary>
/// HTTP/1.1 over a Unix socket, as much as the daemon speaks of it. The framework's client would double the size of this program and of the time it takes to
/// start. One request at a time; one thread.
/// </summary>
internal sealed class HttpConnection : IDisposable
{
    private const int LineMax = 16 * 1024;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _next;
    private int _end;
    private long _left;
    private bool _chunked;
    private bool _toEnd;

    private HttpConnection(Socket socket) => _socket = socket;

    /// <summary>Whether another request can be sent: the last answer was read whole.</summary>
    public bool IsReusable { get; private set; } = true;

    /// <summary>The status of the last answer.</summary>
    public int Status { get; private set; }

    /// <summary>Connects.</summary>
    /// <exception cref="SocketException">Nobody can be reached there.</exception>
    public static HttpConnection Connect(string path, TimeSpan patience)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.ReceiveTimeout = socket.SendTimeout = (int)patience.TotalMilliseconds;
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new HttpConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and reads the answer up to its body.</summary>
    /// <exception cref="SocketException">The connection is gone, or the daemon takes too long.</exception>
    public void Send(string method, string address, ReadOnlySpan<byte> body)
    {
        IsReusable = false;
        string type = body.IsEmpty ? string.Empty : "Content-Type: application/json\r\n";
        byte[] head = Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"{method} {address} HTTP/1.1\r\nHost: vhostnetd\r\n{type}Content-Length: {body.Length}\r\n\r\n"));
        SendAll(head);
        SendAll(body);
        ReadHead();
    }

    /// <summary>Has reading wait without limit, for an answer that grows as things happen.</summary>
    public void WaitForEver() => _socket.ReceiveTimeout = 0;

    /// <summary>Reads some of the body.</summary>
    /// <returns>How many bytes; 0 at its end.</returns>
    /// <exception cref="SocketException">The connection is gone, or the daemon takes too long.</exception>
    public int Read(Span<byte> into)
    {
        if (_left == 0 && _chunked)
        {
            ReadChunkHead();
        }

        if (_left == 0 && !_toEnd)
        {
            IsReusable = true;
            return 0;
        }

        if (_next == _end && !Fill())
        {
            return _toEnd ? 0 : throw new SocketException((int)SocketError.ConnectionReset);
        }

        int count = (int)Math.Min(Math.Min(into.Length, _end - _next), _toEnd ? long.MaxValue : _left);
        _buffer.AsSpan(_next, count).CopyTo(into);
        _next += count;
        _left -= _toEnd ? 0 : count;
        if (_left == 0 && _chunked)
        {
            ReadLine();
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    private void ReadHead()
    {
        string first = ReadLine();
        string[] parts = first.Split(' ', 3);
        if (parts.Length < 2 || !parts[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || !int.TryParse(parts[1], out int status))
        {
            throw new CtlException(CtlExit.Unreachable, "what listens on the control socket does not speak HTTP; --socket names another one");
        }

        Status = status;
        _left = 0;
        _chunked = false;
        _toEnd = status is not (204 or 304);
        for (string line = ReadLine(); line.Length > 0; line = ReadLine())
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? line : line[..colon];
            string value = colon < 0 ? string.Empty : line[(colon + 1)..].Trim();
            if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) && long.TryParse(value, out long length))
            {
                (_left, _toEnd) = (length, false);
            }
            else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase) && value.Equals("chunked", StringComparison.OrdinalIgnoreCase))
            {
                (_chunked, _toEnd) = (true, false);
            }
        }

        IsReusable = !_chunked && !_toEnd && _left == 0;
    }

    private void ReadChunkHead()
    {
        string size = ReadLine().Split(';')[0];
        if (!long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left))
        {
            throw new CtlException(CtlExit.Unreachable, "the daemon's answer can't be understood: a chunk without a size");
        }

        if (_left == 0)
        {
            _chunked = false;
            ReadLine();
        }
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        while (line.Length < LineMax)
        {
            if (_next == _end && !Fill())
            {
                throw new SocketException((int)SocketError.ConnectionReset);
            }

            char c = (char)_buffer[_next++];
            if (c == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append(c);
        }

        throw new CtlException(CtlExit.Unreachable, "the daemon's answer can't be understood: a line without end");
    }

    private bool Fill()
    {
        _next = 0;
        _end = _socket.Receive(_buffer);
        return _end > 0;
    }
}
