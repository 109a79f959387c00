using System.Buffers.Binary;
using System.Net.Sockets;

namespace VhostNet.Fuzz.Networked;

/// <summary>The other end of a stream port: lengths that are wrong, frames in pieces, silence, and ends in the middle.</summary>
internal sealed class StreamPeer(string path, Loop loop) : IDisposable
{
    private readonly byte[] _buffer = new byte[70_000];
    private Socket? _socket;

    /// <summary>Says something, or connects first when nobody is connected.</summary>
    public void Harm(Random random)
    {
        try
        {
            if (_socket is null)
            {
                _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
                _socket.Connect(new UnixDomainSocketEndPoint(path));
                loop.Settle();
            }

            random.NextBytes(_buffer.AsSpan(0, 64));
            int length = random.Next(6) switch { 0 => 0, 1 => random.Next(14), 2 => 65_536 + random.Next(4000), 3 => (int)random.Any(), _ => random.Next(14, 1600) };
            BinaryPrimitives.WriteInt32BigEndian(_buffer, length);
            _ = _socket.Send(_buffer.AsSpan(0, random.OneIn(3) ? random.Next(1, 100) : Math.Clamp(length + 4, 4, _buffer.Length)));
            if (random.OneIn(2))
            {
                _ = _socket.Available > 0 ? _socket.Receive(_buffer) : 0;
            }

            if (random.OneIn(5))
            {
                Dispose();
            }
        }
        catch (SocketException)
        {
            // The port hung up, or takes no more at present.
            Dispose();
        }
    }

    public void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
