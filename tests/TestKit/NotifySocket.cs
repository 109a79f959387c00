using System.Net.Sockets;
using System.Text;

namespace VhostNet.TestKit;

/// <summary>The service manager's end of sd_notify(3): datagrams of <c>KEY=VALUE</c> lines.</summary>
public sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public NotifySocket(string name, string path)
    {
        Path = path;
        Output = new Transcript(name);
        _socket.Bind(new UnixDomainSocketEndPoint(path));
        _ = ReadAsync();
    }

    public string Path { get; }

    public Transcript Output { get; }

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                int count = await _socket.ReceiveAsync(buffer);
                Output.Append(Encoding.UTF8.GetString(buffer, 0, count) + "\n");
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Output.Close("ended");
        }
    }
}
