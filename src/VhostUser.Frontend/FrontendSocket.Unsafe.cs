using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// A connected vhost-user socket for synchronous use: every call waits with poll until it is done or its time is over. One thread may send while another
/// receives.
/// </summary>
internal sealed unsafe class FrontendSocket : IDisposable
{
    /// <summary>More than any message carries, so that a back end that sends too many is noticed and nothing leaks.</summary>
    private const int FilesMax = 32;

    private readonly FileDescriptor _socket;

    private readonly Func<bool>? _progress;
    private readonly DirectDelivery? _deliver;

    public FrontendSocket(FileDescriptor socket, Func<bool>? progress = null, DirectDelivery? deliver = null)
    {
        _socket = socket;
        _progress = progress;
        _deliver = deliver;
    }

    public FileDescriptor Socket => _socket;

    /// <summary>Sends bytes with descriptors attached to the first of them.</summary>
    public void Send(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> files, TimeSpan timeout)
    {
        if (_deliver?.Invoke(bytes, files) == true)
        {
            return;
        }

        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (!bytes.IsEmpty)
        {
            nint sent = SendOnce(bytes, files);
            if (sent > 0)
            {
                bytes = bytes[(int)sent..];
                files = default;
            }
            else
            {
                Errno errno = Errno.Last;
                if (errno.ClassOf(CallKind.StreamSend) == ErrnoClass.Gone)
                {
                    throw new VhostUserFrontendException(FrontendError.Closed, $"sending to the back end failed: {errno}");
                }

                WaitUntil(POLLOUT, deadline);
            }
        }
    }

    /// <summary>Receives a whole message.</summary>
    /// <returns>Null when the connection was closed in front of a message.</returns>
    public ReceivedMessage? Receive(TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        var files = new List<FileDescriptor>();
        try
        {
            byte[] bytes = new byte[MessageHeader.Size];
            if (!ReceiveExactly(bytes, files, deadline, mayEnd: true))
            {
                return null;
            }

            MessageHeader header = Wire.Read<MessageHeader>(bytes);
            if (header.PayloadSize > MessageHeader.PayloadSizeMax)
            {
                throw new VhostUserFrontendException(
                    FrontendError.BadReply, $"the back end announced a payload of {header.PayloadSize} bytes; at most {MessageHeader.PayloadSizeMax} are taken");
            }

            byte[] payload = new byte[header.PayloadSize];
            ReceiveExactly(payload, files, deadline, mayEnd: false);
            return new ReceivedMessage(header, payload, [.. files]);
        }
        catch
        {
            files.ForEach(f => f.Dispose());
            throw;
        }
    }

    /// <summary>Waits until something can be read.</summary>
    public bool WaitReadable(TimeSpan timeout) => TryWaitUntil(POLLIN, Environment.TickCount64 + (long)timeout.TotalMilliseconds);

    public void Dispose() => _socket.Dispose();

    private bool ReceiveExactly(Span<byte> bytes, List<FileDescriptor> files, long deadline, bool mayEnd)
    {
        bool first = mayEnd;
        while (!bytes.IsEmpty)
        {
            nint received = ReceiveOnce(bytes, files);
            if (received > 0)
            {
                bytes = bytes[(int)received..];
                first = false;
                continue;
            }

            if (received == 0)
            {
                return first ? false : throw new VhostUserFrontendException(FrontendError.Closed, "the back end closed the connection in the middle of a message");
            }

            Errno errno = Errno.Last;
            if (errno.ClassOf(CallKind.StreamReceive) == ErrnoClass.Gone)
            {
                throw new VhostUserFrontendException(FrontendError.Closed, $"receiving from the back end failed: {errno}");
            }

            WaitUntil(POLLIN, deadline);
        }

        return true;
    }

    private void WaitUntil(short events, long deadline)
    {
        if (!TryWaitUntil(events, deadline))
        {
            throw new VhostUserFrontendException(FrontendError.TimedOut, "the back end did not answer in time");
        }
    }

    private bool TryWaitUntil(short events, long deadline)
    {
        Span<pollfd> fds = [new pollfd { fd = _socket.Value, events = events }];
        while (_progress is not null)
        {
            if (poll(fds, 0) > 0)
            {
                return true;
            }

            if (!_progress())
            {
                return poll(fds, 0) > 0;
            }
        }

        while (true)
        {
            int ready = poll(fds, (int)Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue));
            if (ready >= 0)
            {
                return ready > 0;
            }

            if (Errno.Last.Value is not (EINTR or EAGAIN))
            {
                Errno.Last.Throw("poll(vhost-user socket)");
            }
        }
    }

    // SAFETY: the message header, the control buffer and the pinned bytes live on this frame for the duration of the call; lengths are those of the buffers.
    private nint SendOnce(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> files)
    {
        if (files.Length > FilesMax)
        {
            throw new ArgumentException($"{files.Length} descriptors were to be sent; at most {FilesMax} go with a message", nameof(files));
        }

        nuint space = CMSG_SPACE(FilesMax * sizeof(int));
        byte* control = stackalloc byte[(int)space];
        new Span<byte>(control, (int)space).Clear();
        fixed (byte* p = bytes)
        {
            iovec iov = new() { iov_base = p, iov_len = (nuint)bytes.Length };
            msghdr message = new() { msg_iov = &iov, msg_iovlen = 1 };
            if (!files.IsEmpty)
            {
                var header = (cmsghdr*)control;
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN((nuint)files.Length * sizeof(int));
                files.CopyTo(new Span<int>(CMSG_DATA(header), FilesMax));
                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE((nuint)files.Length * sizeof(int));
            }

            return sendmsg(_socket.Value, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }

    // SAFETY: as above; descriptors are read from the control buffer within the length that the kernel reports.
    private nint ReceiveOnce(Span<byte> bytes, List<FileDescriptor> files)
    {
        nuint space = CMSG_SPACE(FilesMax * sizeof(int));
        byte* control = stackalloc byte[(int)space];
        fixed (byte* p = bytes)
        {
            iovec iov = new() { iov_base = p, iov_len = (nuint)bytes.Length };
            msghdr message = new() { msg_iov = &iov, msg_iovlen = 1, msg_control = control, msg_controllen = space };
            nint received = recvmsg(_socket.Value, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
            if (received < 0)
            {
                return received;
            }

            for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != null; header = CMSG_NXTHDR(&message, header))
            {
                if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
                {
                    int count = (int)(header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                    var numbers = (int*)CMSG_DATA(header);
                    for (int i = 0; i < count; i++)
                    {
                        files.Add(new FileDescriptor(numbers[i]));
                    }
                }
            }

            return received;
        }
    }
}
