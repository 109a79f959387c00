using System.Runtime.InteropServices;

namespace VhostNet.Latency;

/// <summary>Sends frames out by an interface of the host, so many by one system call, with a virtio_net_hdr before each: what a host's stack sends to a tap.</summary>
// SAFETY: all messages point at one header and one frame that live as long as this object.
internal sealed unsafe class InterfaceSender : IDisposable
{
    private const int BatchMax = 32;
    private const int LegacyHeaderSize = 10;
    private readonly FileDescriptor _socket;
    private readonly byte* _frame;
    private readonly iovec* _pieces;
    private readonly mmsghdr* _messages;

    /// <summary>Opens a packet socket. On a thread that is in the interface's namespace.</summary>
    /// <param name="name">The interface.</param>
    /// <param name="content">virtio_net_hdr, of which the first ten bytes count, and frame.</param>
    public InterfaceSender(string name, ReadOnlySpan<byte> content)
    {
        _socket = FileDescriptor.FromResult(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket(AF_PACKET)");
        Check(setsockopt(_socket.Value, SOL_PACKET, PACKET_VNET_HDR, 1), "PACKET_VNET_HDR");
        Check(setsockopt(_socket.Value, SOL_PACKET, PACKET_QDISC_BYPASS, 1), "PACKET_QDISC_BYPASS");
        sockaddr_ll address = new() { sll_family = (ushort)AF_PACKET, sll_ifindex = (int)if_nametoindex(name) };
        Check(bind(_socket.Value, &address, (uint)sizeof(sockaddr_ll)), $"bind to {name}");
        _frame = (byte*)NativeMemory.Alloc((nuint)content.Length);
        content.CopyTo(new Span<byte>(_frame, content.Length));
        _pieces = (iovec*)NativeMemory.AllocZeroed(2, (nuint)sizeof(iovec));
        _pieces[0] = new iovec { iov_base = _frame, iov_len = LegacyHeaderSize };
        _pieces[1] = new iovec { iov_base = _frame + FrontendGuest.HeaderSize, iov_len = (nuint)(content.Length - FrontendGuest.HeaderSize) };
        _messages = (mmsghdr*)NativeMemory.AllocZeroed(BatchMax, (nuint)sizeof(mmsghdr));
        for (int i = 0; i < BatchMax; i++)
        {
            _messages[i].msg_hdr.msg_iov = _pieces;
            _messages[i].msg_hdr.msg_iovlen = 2;
        }
    }

    /// <summary>Sends up to so many frames; returns how many the interface took.</summary>
    public int Send(int count) => Math.Max(0, sendmmsg(_socket.Value, _messages, (uint)Math.Min(count, BatchMax), 0));

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        NativeMemory.Free(_frame);
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_messages);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            Errno.Last.Throw(what);
        }
    }
}
