using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>Netlink calls (netlink(7), rtnetlink(7)).</summary>
internal static unsafe class NetlinkCalls
{
    /// <summary>Opens a non-blocking socket that is told what happens to interfaces.</summary>
    /// <param name="bufferBytes">Bytes of messages that may wait in the kernel; 0 for its default.</param>
    /// <exception cref="ErrnoException">It can't be had.</exception>
    // SAFETY: the address is on the stack and has the size given.
    public static FileDescriptor Open(int bufferBytes)
    {
        var fd = FileDescriptor.FromResult(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE), "socket(AF_NETLINK, SOCK_RAW)");
        if (bufferBytes > 0)
        {
            _ = setsockopt(fd.Value, SOL_SOCKET, SO_RCVBUF, bufferBytes);
        }

        sockaddr_nl address = new() { nl_family = (ushort)AF_NETLINK, nl_groups = RTMGRP_LINK };
        if (bind(fd.Value, &address, (uint)sizeof(sockaddr_nl)) < 0)
        {
            Errno why = Errno.Last;
            fd.Dispose();
            why.Throw("bind of a netlink socket");
        }

        return fd;
    }

    /// <summary>Reads a structure, or a number, that a message begins with.</summary>
    // SAFETY: a span that is too short is refused.
    public static T Read<T>(ReadOnlySpan<byte> message)
        where T : unmanaged => MemoryMarshal.Read<T>(message);

    /// <summary>Asks for a list of all interfaces.</summary>
    /// <exception cref="ErrnoException">The kernel does not take the request.</exception>
    // SAFETY: both parts are on the stack, one behind the other, and have the size given.
    public static void RequestLinks(FileDescriptor fd)
    {
        int size = sizeof(nlmsghdr) + sizeof(ifinfomsg);
        byte* request = stackalloc byte[size];
        *(nlmsghdr*)request = new nlmsghdr { nlmsg_len = (uint)size, nlmsg_type = RTM_GETLINK, nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, nlmsg_seq = 1 };
        *(ifinfomsg*)(request + sizeof(nlmsghdr)) = default;
        if (sendto(fd.Value, request, (nuint)size, MSG_DONTWAIT, null, 0) < 0)
        {
            Errno.Last.Throw("RTM_GETLINK");
        }
    }
}
