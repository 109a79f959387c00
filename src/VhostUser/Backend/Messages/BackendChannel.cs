using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// The socket over which the back end sends requests of its own (SET_BACKEND_REQ_FD, "Back-end message types"). Acknowledgements come in the order in which
/// they were asked for; what nobody asked for is noted and dropped. Its end does not end the session. Control thread.
/// </summary>
internal sealed class BackendChannel : IChannelHandler, IDisposable
{
    /// <summary>Requests that may wait for room in the socket; a front end that reads nothing is not worth more memory.</summary>
    private const int UnsentMax = 1024;

    private readonly VhostUserChannel _channel;
    private readonly SessionLogWriter _log;
    private readonly Queue<(BackendRequestCode Request, Action<ulong>? Answered)> _unanswered = new();

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="socket">The socket; owned from here on.</param>
    /// <param name="log">Where the channel says what happens.</param>
    /// <param name="options">What a channel to a stranger needs.</param>
    /// <param name="partialInput">Bytes of a reply that another process had received.</param>
    /// <param name="unanswered">The request numbers whose acknowledgements that process still expected.</param>
    public BackendChannel(
        AioContext context, FileDescriptor socket, SessionLogWriter log, ChannelOptions options, ReadOnlySpan<byte> partialInput = default,
        IEnumerable<uint>? unanswered = null)
    {
        _log = log;
        foreach (uint request in unanswered ?? [])
        {
            _unanswered.Enqueue(((BackendRequestCode)request, null));
        }

        _channel = new VhostUserChannel(context, socket, this, options);
        _channel.RestorePartialInput(partialInput, []);
        _channel.Start();
    }

    /// <summary>Bytes of a reply that has not arrived wholly.</summary>
    public ReadOnlySpan<byte> PartialInput => _channel.PartialInput;

    /// <summary>Requests that were not acknowledged yet, oldest first.</summary>
    public IEnumerable<uint> Unanswered => _unanswered.Select(u => (uint)u.Request);

    /// <summary>What is left of the turn that acknowledgements are handled in.</summary>
    public ref TurnBudget Turn => ref _channel.Turn;

    /// <summary>The socket.</summary>
    public FileDescriptor Socket => _channel.Socket;

    /// <summary>Whether requests still reach the front end.</summary>
    public bool IsOpen => !_channel.IsClosed;

    /// <summary>Sends a request without a descriptor.</summary>
    public void Send<T>(BackendRequestCode request, in T payload)
        where T : unmanaged => Send(request, Wire.ToBytes(in payload));

    /// <summary>Sends a request without a descriptor and has its result told; REPLY_ACK has to be negotiated.</summary>
    public void Send<T>(BackendRequestCode request, in T payload, Action<ulong> answered)
        where T : unmanaged => Send(request, Wire.ToBytes(in payload), answered);

    /// <summary>Sends a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="answered">Receives the front end's result, 0 for success; null when none is asked for.</param>
    public void Send(BackendRequestCode request, ReadOnlySpan<byte> payload = default, Action<ulong>? answered = null)
    {
        if (_channel.UnsentCount > UnsentMax || _unanswered.Count > UnsentMax)
        {
            _channel.Close($"the front end has not {(_channel.UnsentCount > UnsentMax ? "read" : "acknowledged")} {UnsentMax} requests");
            return;
        }

        if (answered is not null)
        {
            _unanswered.Enqueue((request, answered));
        }

        if (_log.IsDebug)
        {
            _log.Debug($"sending {request}, {payload.Length} bytes");
        }

        _channel.Send(MessageHeader.ForRequest((uint)request, payload.Length, needReply: answered is not null), payload);
    }

    /// <inheritdoc/>
    public void MessageReceived(in MessageHeader header, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (!header.IsReply)
        {
            throw ProtocolException.Fatal($"request {header.Request} came on the back-end channel, where only replies belong");
        }

        if (payload.Length != sizeof(ulong))
        {
            throw ProtocolException.Fatal($"the acknowledgement of back-end request {header.Request} has {payload.Length} bytes; {sizeof(ulong)} are right");
        }

        ulong result = Wire.Read<ulong>(payload);
        if (_log.IsDebug)
        {
            _log.Debug($"the front end answered {(BackendRequestCode)header.Request} with {result}");
        }

        if (_unanswered.TryPeek(out (BackendRequestCode Request, Action<ulong>? Answered) oldest) && (uint)oldest.Request == header.Request)
        {
            _unanswered.Dequeue();
            oldest.Answered?.Invoke(result);
        }
    }

    /// <inheritdoc/>
    public void ChannelClosed(string reason, bool isError) =>
        _log.Write(isError ? SessionLogLevel.Warning : SessionLogLevel.Info, $"back-end channel ended: {reason}");

    /// <summary>Hears nothing until <see cref="Continue"/>.</summary>
    public void Pause() => _channel.Pause();

    /// <summary>Hears again.</summary>
    public void Continue() => _channel.Continue();

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();
}
