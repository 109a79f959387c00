using System.Net.Sockets;
using System.Text;

namespace VhostNet.TestKit;

/// <summary>A Unix socket that a peer connects to when it starts, as a line to talk over: what it says goes to a transcript.</summary>
public sealed class UnixLine : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private Socket? _connection;

    public UnixLine(string name, string path)
    {
        Output = new Transcript(name);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    public Transcript Output { get; }

    public async Task AcceptAsync(TimeSpan timeout)
    {
        using CancellationTokenSource limit = new(timeout);
        try
        {
            _connection = await _listener.AcceptAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw Output.Failure($"did not connect within {timeout.TotalSeconds:0} s");
        }

        _ = ReadAsync(_connection);
    }

    public async Task SendAsync(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        for (int sent = 0; sent < bytes.Length;)
        {
            sent += await (_connection ?? throw Output.Failure("is not connected")).SendAsync(bytes.AsMemory(sent));
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _connection?.Dispose();
    }

    private async Task ReadAsync(Socket connection)
    {
        byte[] buffer = new byte[8192];
        try
        {
            for (int count; (count = await connection.ReceiveAsync(buffer)) > 0;)
            {
                Output.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
        }
        catch (SocketException)
        {
            // The peer was killed, which the tests do on purpose; the transcript's end says so to whoever waits.
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }

        Output.Close("closed its socket");
    }
}
