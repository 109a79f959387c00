namespace VhostNet.VhostUser.Transport;

/// <summary>Bytes with descriptors (SCM_RIGHTS) over a Unix stream socket, never blocking.</summary>
internal static unsafe class SocketMessages
{
    /// <summary>Room for descriptors in one receive; the protocol allows 8 in a message, and more than 32 is cut off by the kernel and reported.</summary>
    public const int FdsMax = 32;

    private const int ControlSize = 16 + (FdsMax * sizeof(int));

    /// <summary>Receives up to <paramref name="buffer"/>'s length; descriptors that came along are added to <paramref name="fds"/>.</summary>
    /// <param name="socket">A connected socket.</param>
    /// <param name="buffer">Where bytes go; not empty.</param>
    /// <param name="fds">Where descriptors go, with close-on-exec set.</param>
    /// <param name="truncated">True when there were more descriptors than fit; the kernel closed those.</param>
    /// <returns>Bytes; 0 at the end of the stream; -1 with errno.</returns>
    // SAFETY: the pinned span bounds the data and the stack buffer the control data; CMSG_ macros stay inside msg_controllen as the kernel set it.
    public static nint Receive(FileDescriptor socket, Span<byte> buffer, FdCollection fds, out bool truncated)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(fds);
        byte* control = stackalloc byte[ControlSize];
        fixed (byte* data = buffer)
        {
            iovec piece = new() { iov_base = data, iov_len = (nuint)buffer.Length };
            msghdr message = new() { msg_iov = &piece, msg_iovlen = 1, msg_control = control, msg_controllen = ControlSize };
            nint received = recvmsg(socket.Value, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
            truncated = false;
            if (received < 0)
            {
                return received;
            }

            for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != null; header = CMSG_NXTHDR(&message, header))
            {
                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                {
                    continue;
                }

                int count = (int)(header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                int* numbers = (int*)CMSG_DATA(header);
                for (int i = 0; i < count; i++)
                {
                    fds.AddReceived(numbers[i]);
                }
            }

            truncated = (message.msg_flags & MSG_CTRUNC) != 0;
            return received;
        }
    }

    /// <summary>Sends bytes, with descriptors at their first byte.</summary>
    /// <returns>Bytes sent, perhaps fewer than given (the descriptors went with them); -1 with errno.</returns>
    // SAFETY: as above; the number of descriptors is checked against the control buffer.
    public static nint Send(FileDescriptor socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> fds)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fds.Length, FdsMax, nameof(fds));
        byte* control = stackalloc byte[ControlSize];
        fixed (byte* data = bytes)
        {
            iovec piece = new() { iov_base = data, iov_len = (nuint)bytes.Length };
            msghdr message = new() { msg_iov = &piece, msg_iovlen = 1 };
            if (!fds.IsEmpty)
            {
                nuint length = (nuint)(fds.Length * sizeof(int));
                cmsghdr* header = (cmsghdr*)control;
                header->cmsg_len = CMSG_LEN(length);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                fds.CopyTo(new Span<int>(CMSG_DATA(header), fds.Length));
                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(length);
            }

            return sendmsg(socket.Value, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}
