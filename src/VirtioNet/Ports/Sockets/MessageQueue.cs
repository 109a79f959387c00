using VhostNet.Aio;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>A socket whose messages are frames: sendmmsg and recvmmsg.</summary>
internal sealed class MessageQueue : FdQueue
{
    private readonly MessageBuffers _buffers;
    private readonly int _headerSize;
    private readonly Action? _reconnect;

    /// <summary>Creates the queue.</summary>
    /// <param name="port">The port that it belongs to.</param>
    /// <param name="index">Its number.</param>
    /// <param name="fd">The socket.</param>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 10, or 0 for none.</param>
    /// <param name="withTags">Whether tags come as auxiliary data.</param>
    /// <param name="context">Where frames are read.</param>
    /// <param name="reconnect">Called, by any thread, when the other side was not there, or not by this way, before one more try.</param>
    public MessageQueue(
        Port port, int index, int fd, int headerSize, bool withTags, AioContext context, Action? reconnect = null)
        : base(port, index, fd, context, withTags ? CallKind.PacketReceive : CallKind.DatagramReceive, withTags ? CallKind.PacketSend : CallKind.DatagramSend)
    {
        _headerSize = headerSize;
        _reconnect = reconnect;
        _buffers = new MessageBuffers(headerSize, withTags);
    }

    protected override ReceiveBuffers Buffers => _buffers;

    protected override int Write(FrameBurst burst, ReadOnlySpan<ushort> frames, ref long written, ref long bytes, out int error)
    {
        int done = MessageWriter.Write(Fd, burst, frames, _headerSize, ref written, ref bytes, out error);
        if (error is 0 or EAGAIN or ENOBUFS)
        {
            return done;
        }

        // What a send reports may have been left by an earlier message, or by an ICMP error that anybody can forge, and is gone then: this frame is tried once
        // more.
        int first = error;
        if (error is ECONNREFUSED or ECONNRESET or ENOTCONN or EDESTADDRREQ or EINVAL or EADDRNOTAVAIL or ENETUNREACH or EHOSTUNREACH)
        {
            _reconnect?.Invoke();
        }

        done += MessageWriter.Write(Fd, burst, frames[done..], _headerSize, ref written, ref bytes, out error);
        if (error != first)
        {
            CountSend(first);
        }

        return done;
    }

    protected override void Fill(out int error) => _buffers.Fill(Fd, ref IngressCounters, out error);
}
