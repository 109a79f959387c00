using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// The socket over which the back end sends requests of its own (SET_BACKEND_REQ_FD, "Back-end message types"). Acknowledgements are not asked for, so
/// whatever arrives here is noted and dropped. Its end does not end the session. Control thread.
/// </summary>
internal sealed class BackendChannel : IChannelHandler, IDisposable
{
    /// <summary>Requests that may wait for room in the socket; a front end that reads nothing is not worth more memory.</summary>
    private const int UnsentMax = 1024;

    private readonly VhostUserChannel _channel;
    private readonly SessionLogWriter _log;

    public BackendChannel(AioContext context, FileDescriptor socket, SessionLogWriter log, ReadOnlySpan<byte> partialInput = default)
    {
        _log = log;
        _channel = new VhostUserChannel(context, socket, this);
        _channel.RestorePartialInput(partialInput, []);
        _channel.Start();
    }

    /// <summary>Bytes of a reply that has not arrived wholly.</summary>
    public ReadOnlySpan<byte> PartialInput => _channel.PartialInput;

    /// <summary>The socket.</summary>
    public FileDescriptor Socket => _channel.Socket;

    /// <summary>Whether requests still reach the front end.</summary>
    public bool IsOpen => !_channel.IsClosed;

    /// <summary>Sends a request without a descriptor.</summary>
    public void Send<T>(BackendRequestCode request, in T payload)
        where T : unmanaged => Send(request, Wire.ToBytes(in payload));

    /// <summary>Sends a request.</summary>
    public void Send(BackendRequestCode request, ReadOnlySpan<byte> payload = default)
    {
        if (_channel.UnsentCount > UnsentMax)
        {
            _channel.Close($"the front end has not read {UnsentMax} requests");
            return;
        }

        if (_log.IsDebug)
        {
            _log.Debug($"sending {request}, {payload.Length} bytes");
        }

        _channel.Send(MessageHeader.ForRequest((uint)request, payload.Length), payload);
    }

    /// <inheritdoc/>
    public void MessageReceived(in MessageHeader header, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (!header.IsReply)
        {
            throw ProtocolException.Fatal($"request {header.Request} came on the back-end channel, where only replies belong");
        }

        if (_log.IsDebug)
        {
            _log.Debug($"the front end answered {(BackendRequestCode)header.Request} with {Wire.Read<ulong>(payload)}");
        }
    }

    /// <inheritdoc/>
    public void ChannelClosed(string reason, bool isError) =>
        _log.Write(isError ? SessionLogLevel.Warning : SessionLogLevel.Info, $"back-end channel ended: {reason}");

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();
}
