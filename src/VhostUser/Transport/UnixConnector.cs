namespace VhostNet.VhostUser.Transport;

/// <summary>Connects to a listening Unix socket. A Unix connect never waits, so neither does this.</summary>
internal static class UnixConnector
{
    /// <summary>Tries to connect.</summary>
    /// <param name="path">Path of at most 107 bytes.</param>
    /// <param name="socket">The connected socket, non-blocking.</param>
    /// <param name="error">Why not, when nobody listens or the backlog is full.</param>
    /// <returns>True when connected.</returns>
    public static bool TryConnect(string path, out FileDescriptor socket, out Errno error)
    {
        socket = UnixSocket.Create();
        error = UnixSocket.Connect(socket, path);
        if (error.Value == 0)
        {
            return true;
        }

        socket.Dispose();
        return false;
    }
}
