using System.Net.Sockets;
using System.Text;
using VhostNet.TestKit;

namespace VhostNet.Ctl.Tests.Client;

/// <summary>Answers each connection with given bytes, whatever is asked, and ends it.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly TestDirectory _directory = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public ScriptedServer(params string[] pieces)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(4);
        new Thread(() => Serve(pieces)) { IsBackground = true }.Start();
    }

    public string Path => _directory.File("server.sock");

    public void Dispose()
    {
        _listener.Dispose();
        _directory.Dispose();
    }

    private void Serve(string[] pieces)
    {
        try
        {
            while (true)
            {
                using Socket client = _listener.Accept();
                byte[] request = new byte[65536];
                client.Receive(request);
                foreach (string piece in pieces)
                {
                    client.Send(Encoding.UTF8.GetBytes(piece));
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
