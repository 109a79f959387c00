using System.Globalization;
using System.Text;
using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Handover;

/// <summary>One request to another daemon's control socket: a few lines of HTTP, so that no client library comes along for it.</summary>
internal static class ControlRequest
{
    private const int AnswerMax = 16 << 10;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Asks the daemon behind a control socket to wait for its successor.</summary>
    /// <param name="path">The control socket.</param>
    /// <returns>Where it waits.</returns>
    /// <exception cref="HandoverException">Nobody answers there, it is no vhostnetd or another user's, or it refuses.</exception>
    public static string AskForTakeOver(string path)
    {
        using FileDescriptor socket = Connect(path);
        uint user = UnixSocket.PeerOf(socket.Value).uid;
        if (!PeerAccount.MayHandOver(user))
        {
            throw new HandoverException($"the process behind it belongs to user {user}; only one of user {geteuid()} or of root can be taken over");
        }

        byte[] request = Encoding.ASCII.GetBytes("POST /take-over HTTP/1.1\r\nHost: vhostnetd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        if (SocketMessages.Send(socket, request, []) != request.Length)
        {
            throw new HandoverException("it takes no request");
        }

        return Read(ReadAll(socket));
    }

    private static FileDescriptor Connect(string path)
    {
        try
        {
            return UnixConnector.TryConnect(path, out FileDescriptor socket, out Errno error)
                ? socket
                : throw new HandoverException($"nobody answers there ({error}); name the control socket of a vhostnetd that runs");
        }
        catch (ArgumentException e)
        {
            throw new HandoverException(e.Message, inner: e);
        }
    }

    private static string Read(ReadOnlySpan<byte> answer)
    {
        int status = answer.StartsWith("HTTP/1.1 "u8) && answer.Length > 12
            && int.TryParse(answer[9..12], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
        int body = answer.IndexOf("\r\n\r\n"u8);
        if (status == 0 || body < 0)
        {
            throw new HandoverException("what listens there is no control socket of a vhostnetd");
        }

        ApproachAnswer? said = null;
        try
        {
            said = JsonSerializer.Deserialize(answer[(body + 4)..], HandoverJson.Default.ApproachAnswer);
        }
        catch (JsonException)
        {
            // Said below, as for every other answer that makes no sense.
        }

        return status switch
        {
            200 when said?.Socket is { Length: > 0 and <= AbstractSocket.NameMax } name => name,
            404 when said?.Error is not null => throw new HandoverException(
                "the vhostnetd there is of a version that can't be taken over, or what listens there serves metrics only"),
            _ when said?.Error is { } error => throw new HandoverException(error.ReplaceLineEndings(" ")),
            _ => throw new HandoverException($"what listens there is no control socket of a vhostnetd (status {status})"),
        };
    }

    private static byte[] ReadAll(FileDescriptor socket)
    {
        byte[] answer = new byte[AnswerMax];
        int length = 0;
        var deadline = Deadline.In(s_patience);
        using var none = new FdCollection();
        while (length < answer.Length)
        {
            nint received = SocketMessages.Receive(socket, answer.AsSpan(length), none, out _);
            none.CloseRest();
            if (received > 0)
            {
                length += (int)received;
                continue;
            }

            if (received == 0 || Errno.Last.Value is not (EAGAIN or EINTR))
            {
                break;
            }

            if (deadline.IsOver)
            {
                throw new HandoverException($"it did not answer within {s_patience.TotalSeconds:0} s");
            }

            deadline.Wait(socket, POLLIN);
        }

        return answer[..length];
    }
}
