namespace VhostNet.VhostUser.Transport;

/// <summary>
/// Reads and writes pipes and sockets that somebody else shares without ever waiting. O_NONBLOCK would not do: it belongs to the open file, and the other
/// side can clear it at any moment.
/// </summary>
internal static unsafe class PipeIo
{
    /// <summary>Whether a descriptor is a pipe or a socket, the kinds that can be read and written here.</summary>
    public static bool IsSupported(FileDescriptor descriptor) =>
        statx_nowait(descriptor.Value, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) is S_IFIFO or S_IFSOCK;

    /// <summary>Reads what is there.</summary>
    /// <returns>Bytes; 0 at the end; -1 with errno.</returns>
    // SAFETY: the pinned span bounds the read.
    public static nint Read(FileDescriptor descriptor, Span<byte> buffer)
    {
        fixed (byte* data = buffer)
        {
            iovec piece = new() { iov_base = data, iov_len = (nuint)buffer.Length };
            nint count = preadv2(descriptor.Value, &piece, 1, -1, RWF_NOWAIT);
            return count < 0 && errno == EOPNOTSUPP ? recv(descriptor.Value, buffer, MSG_DONTWAIT) : count;
        }
    }

    /// <summary>Writes what there is room for.</summary>
    /// <returns>Bytes, or -1 with errno.</returns>
    // SAFETY: the pinned span bounds the write.
    public static nint Write(FileDescriptor descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* data = bytes)
        {
            iovec piece = new() { iov_base = data, iov_len = (nuint)bytes.Length };
            nint count = pwritev2(descriptor.Value, &piece, 1, -1, RWF_NOWAIT);
            return count < 0 && errno == EOPNOTSUPP ? send(descriptor.Value, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) : count;
        }
    }
}
