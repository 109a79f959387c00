using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Transport;

/// <summary>Receives what arrives on a <see cref="VhostUserChannel"/>, on the thread of its AioContext.</summary>
internal interface IChannelHandler
{
    /// <summary>A whole message. Its payload and descriptors are valid during the call; descriptors that are not taken are closed afterwards.</summary>
    /// <exception cref="ProtocolException">Ends the connection.</exception>
    void MessageReceived(in MessageHeader header, ReadOnlySpan<byte> payload, FdCollection descriptors);

    /// <summary>The connection is over; called once, unless the channel was disposed first.</summary>
    /// <param name="reason">A sentence part that says why.</param>
    /// <param name="isError">False when the peer closed between two messages.</param>
    void ChannelClosed(string reason, bool isError);
}
