using System.Text;
using VhostNet.Daemon.Common;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Handover;

/// <summary>
/// Messages with descriptors between two daemons, over a connected Unix stream socket. Every call has a limit in time, and what comes has one in size: neither
/// end can make the other wait or hoard. One thread.
/// </summary>
/// <param name="socket">The socket, non-blocking; owned from here on.</param>
internal sealed class HandoverChannel(FileDescriptor socket) : IDisposable
{
    /// <summary>Most bytes of a state: a switch's largest table and a thousand sessions take a tenth of it.</summary>
    public const int StateBytesMax = 64 << 20;

    /// <summary>Most descriptors of a state.</summary>
    public const int StateDescriptorsMax = 65_536;

    /// <summary>Most bytes of every other message.</summary>
    public const int NoteBytesMax = 64 << 10;

    /// <summary>The socket.</summary>
    public FileDescriptor Socket => socket;

    /// <summary>Whether the other end has closed the connection, or ended.</summary>
    public bool HasHungUp
    {
        get
        {
            Span<pollfd> set = [new pollfd { fd = socket.Value, events = POLLRDHUP }];
            return poll(set, 0) > 0 && (set[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
        }
    }

    /// <summary>Sends a message.</summary>
    /// <param name="kind">What it says.</param>
    /// <param name="payload">Its bytes.</param>
    /// <param name="descriptors">What goes along; stays the caller's.</param>
    /// <param name="limit">How long it may take.</param>
    /// <exception cref="HandoverException">The other end does not take it.</exception>
    public void Send(HandoverKind kind, ReadOnlySpan<byte> payload, IReadOnlyList<FileDescriptor> descriptors, TimeSpan limit)
    {
        var deadline = Deadline.In(limit);
        Span<byte> header = stackalloc byte[HandoverHeader.Size];
        new HandoverHeader(kind, payload.Length, descriptors.Count).Write(header);
        SendAll(header, [], deadline);
        Span<int> batch = stackalloc int[SocketMessages.FdsMax];
        for (int sent = 0; sent < descriptors.Count; sent += SocketMessages.FdsMax)
        {
            int count = Math.Min(SocketMessages.FdsMax, descriptors.Count - sent);
            for (int i = 0; i < count; i++)
            {
                batch[i] = descriptors[sent + i].Value;
            }

            SendAll([(byte)count], batch[..count], deadline);
        }

        SendAll(payload, [], deadline);
    }

    /// <summary>Sends a sentence, or nothing.</summary>
    /// <exception cref="HandoverException">The other end does not take it.</exception>
    public void Send(HandoverKind kind, string sentence, TimeSpan limit) => Send(kind, Encoding.UTF8.GetBytes(sentence), [], limit);

    /// <summary>Says why nothing comes of it, if the other end still hears that.</summary>
    public void TrySendFailure(string sentence)
    {
        try
        {
            Send(HandoverKind.Failed, sentence, TimeSpan.FromMilliseconds(100));
        }
        catch (HandoverException)
        {
            // It is gone, or looks away; it goes on without the reason.
        }
    }

    /// <summary>Receives the next message, which has to be of one kind.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="limit">How long it may take.</param>
    /// <returns>The message; the caller's.</returns>
    /// <exception cref="HandoverException">Nothing came in time, or something else; or the other end says why nothing comes of it, or is gone.</exception>
    public HandoverMessage Receive(HandoverKind kind, TimeSpan limit)
    {
        var deadline = Deadline.In(limit);
        bool isState = kind is HandoverKind.State or HandoverKind.Final;
        Span<byte> bytes = stackalloc byte[HandoverHeader.Size];
        using var none = new FdCollection();
        ReceiveAll(bytes, none, deadline);
        var header = HandoverHeader.Read(bytes);
        bool isFailure = header.Kind == HandoverKind.Failed;
        if (header.Kind != kind && !isFailure)
        {
            throw new HandoverException($"message {header.Kind} came where {kind} is expected");
        }

        int bytesMax = isState && !isFailure ? StateBytesMax : NoteBytesMax;
        int descriptorsMax = isState && !isFailure ? StateDescriptorsMax : 0;
        if (header.Bytes < 0 || header.Bytes > bytesMax || header.Descriptors < 0 || header.Descriptors > descriptorsMax)
        {
            throw new HandoverException(
                $"message {header.Kind} announces {header.Bytes} bytes and {header.Descriptors} descriptors; at most {bytesMax} and {descriptorsMax} " +
                    "are taken");
        }

        HandoverMessage message = ReceiveRest(header, deadline);
        if (!isFailure)
        {
            return message;
        }

        string reason = Encoding.UTF8.GetString(message.Payload).ReplaceLineEndings(" ");
        message.Dispose();
        throw new HandoverException(reason);
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    private HandoverMessage ReceiveRest(HandoverHeader header, Deadline deadline)
    {
        var descriptors = new DescriptorList();
        using var batch = new FdCollection();
        try
        {
            Span<byte> count = stackalloc byte[1];
            while (descriptors.All.Count < header.Descriptors)
            {
                ReceiveAll(count, batch, deadline);
                int expected = Math.Min(SocketMessages.FdsMax, header.Descriptors - descriptors.All.Count);
                if (batch.Count != expected || count[0] != expected)
                {
                    throw new HandoverException($"{batch.Count} descriptors came where {expected} are expected; this process may have none left");
                }

                for (int i = 0; i < expected; i++)
                {
                    descriptors.Add(batch.Take(i));
                }

                batch.CloseRest();
            }

            byte[] payload = new byte[header.Bytes];
            ReceiveAll(payload, batch, deadline);
            return batch.IsEmpty
                ? new HandoverMessage(header.Kind, payload, descriptors)
                : throw new HandoverException("descriptors came that nobody announced");
        }
        catch
        {
            descriptors.Dispose();
            throw;
        }
    }

    private void SendAll(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors, Deadline deadline)
    {
        while (bytes.Length > 0)
        {
            nint sent = SocketMessages.Send(socket, bytes, descriptors);
            if (sent < 0)
            {
                WaitOrThrow(Errno.Last, POLLOUT, deadline);
                continue;
            }

            bytes = bytes[(int)sent..];
            descriptors = [];
        }
    }

    private void ReceiveAll(Span<byte> bytes, FdCollection descriptors, Deadline deadline)
    {
        while (bytes.Length > 0)
        {
            nint received = SocketMessages.Receive(socket, bytes, descriptors, out bool truncated);
            if (truncated)
            {
                throw new HandoverException("descriptors were lost on their way; this process may have none left (LimitNOFILE= of the unit, ulimit -n)");
            }

            if (received == 0)
            {
                throw new HandoverException("the other process ended or closed the connection", isGone: true);
            }

            if (received < 0)
            {
                WaitOrThrow(Errno.Last, POLLIN, deadline);
                continue;
            }

            bytes = bytes[(int)received..];
        }
    }

    private void WaitOrThrow(Errno error, short events, Deadline deadline)
    {
        if (error.Value is not (EAGAIN or EINTR))
        {
            throw new HandoverException($"the connection with the other process failed: {error}", isGone: true);
        }

        if (deadline.IsOver)
        {
            throw new HandoverException("the other process did not answer in time");
        }

        deadline.Wait(socket, events);
    }
}
