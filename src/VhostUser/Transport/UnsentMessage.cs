namespace VhostNet.VhostUser.Transport;

/// <summary>A message on its way out: its bytes, how many of them are sent, and the descriptor that goes with the first.</summary>
internal sealed class UnsentMessage(byte[] bytes, FileDescriptor? descriptor) : IDisposable
{
    private int _sent;

    /// <summary>Whether all bytes are with the kernel.</summary>
    public bool IsSent => _sent == bytes.Length;

    /// <summary>Sends what the socket takes.</summary>
    /// <returns>Bytes, or -1 with errno.</returns>
    public nint SendTo(FileDescriptor socket)
    {
        ReadOnlySpan<int> fds = descriptor is not null && _sent == 0 ? [descriptor.Value] : default;
        nint count = SocketMessages.Send(socket, bytes.AsSpan(_sent), fds);
        if (count > 0)
        {
            _sent += (int)count;
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => descriptor?.Dispose();
}
