using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>An address of any family.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr
{
    /// <summary>Family.</summary>
    public ushort sa_family;

    /// <summary>The family's own data.</summary>
    public fixed byte sa_data[14];
}

/// <summary>Room for an address of any family.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
public struct sockaddr_storage
{
    /// <summary>Family.</summary>
    [FieldOffset(0)]
    public ushort ss_family;

    [FieldOffset(120)]
    private readonly ulong __ss_align;
}

/// <summary>A message of sendmsg and recvmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct msghdr
{
    /// <summary>Address, or null.</summary>
    public void* msg_name;

    /// <summary>Bytes of the address.</summary>
    public uint msg_namelen;

    /// <summary>Pieces of memory.</summary>
    public iovec* msg_iov;

    /// <summary>Number of pieces.</summary>
    public nuint msg_iovlen;

    /// <summary>Control messages, or null.</summary>
    public void* msg_control;

    /// <summary>Bytes of the control messages.</summary>
    public nuint msg_controllen;

    /// <summary>Flags of a received message.</summary>
    public int msg_flags;
}

/// <summary>One message of sendmmsg and recvmmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct mmsghdr
{
    /// <summary>The message.</summary>
    public msghdr msg_hdr;

    /// <summary>Bytes that were moved.</summary>
    public uint msg_len;
}

/// <summary>Header of a control message; the data follow it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct cmsghdr
{
    /// <summary>Bytes with this header.</summary>
    public nuint cmsg_len;

    /// <summary>Level.</summary>
    public int cmsg_level;

    /// <summary>Type.</summary>
    public int cmsg_type;
}

/// <summary>Credentials of a process.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ucred
{
    /// <summary>Process.</summary>
    public int pid;

    /// <summary>User.</summary>
    public uint uid;

    /// <summary>Group.</summary>
    public uint gid;
}

/// <content>sys/socket.h</content>
public static unsafe partial class LibC
{
    /// <summary>No family.</summary>
    public static int AF_UNSPEC => Base.AF_UNSPEC;

    /// <summary>Unix domain.</summary>
    public static int AF_UNIX => Base.AF_UNIX;

    /// <summary>IPv4.</summary>
    public const int AF_INET = 2;

    /// <summary>IPv6.</summary>
    public const int AF_INET6 = 10;

    /// <summary>Netlink.</summary>
    public static int AF_NETLINK => Base.AF_NETLINK;

    /// <summary>Link layer.</summary>
    public static int AF_PACKET => Base.AF_PACKET;

    /// <summary>Virtual machine sockets.</summary>
    public static int AF_VSOCK => Base.AF_VSOCK;

    /// <summary>Byte stream.</summary>
    public static int SOCK_STREAM => Base.SOCK_STREAM;

    /// <summary>Datagrams.</summary>
    public static int SOCK_DGRAM => Base.SOCK_DGRAM;

    /// <summary>Raw packets.</summary>
    public static int SOCK_RAW => Base.SOCK_RAW;

    /// <summary>Datagrams in order over a connection.</summary>
    public static int SOCK_SEQPACKET => Base.SOCK_SEQPACKET;

    /// <summary>Close on exec.</summary>
    public static int SOCK_CLOEXEC => Base.SOCK_CLOEXEC;

    /// <summary>Never block.</summary>
    public static int SOCK_NONBLOCK => Base.SOCK_NONBLOCK;

    /// <summary>Options of the socket itself.</summary>
    public static int SOL_SOCKET => Base.SOL_SOCKET;

    /// <summary>Record debugging.</summary>
    public static int SO_DEBUG => Base.SO_DEBUG;

    /// <summary>Allow an address to be used again.</summary>
    public static int SO_REUSEADDR => Base.SO_REUSEADDR;

    /// <summary>The socket's type.</summary>
    public static int SO_TYPE => Base.SO_TYPE;

    /// <summary>The pending error; reading clears it.</summary>
    public static int SO_ERROR => Base.SO_ERROR;

    /// <summary>Allow broadcasts.</summary>
    public static int SO_BROADCAST => Base.SO_BROADCAST;

    /// <summary>Bytes of the send buffer.</summary>
    public static int SO_SNDBUF => Base.SO_SNDBUF;

    /// <summary>Bytes of the receive buffer.</summary>
    public static int SO_RCVBUF => Base.SO_RCVBUF;

    /// <summary>Send probes on an idle connection.</summary>
    public static int SO_KEEPALIVE => Base.SO_KEEPALIVE;

    /// <summary>Queueing priority.</summary>
    public static int SO_PRIORITY => Base.SO_PRIORITY;

    /// <summary>Several sockets on one port.</summary>
    public static int SO_REUSEPORT => Base.SO_REUSEPORT;

    /// <summary>Receive credentials.</summary>
    public static int SO_PASSCRED => Base.SO_PASSCRED;

    /// <summary>Credentials of the peer.</summary>
    public static int SO_PEERCRED => Base.SO_PEERCRED;

    /// <summary>Time-out of receiving.</summary>
    public static int SO_RCVTIMEO => Base.SO_RCVTIMEO;

    /// <summary>Time-out of sending.</summary>
    public static int SO_SNDTIMEO => Base.SO_SNDTIMEO;

    /// <summary>Whether it listens.</summary>
    public static int SO_ACCEPTCONN => Base.SO_ACCEPTCONN;

    /// <summary>Security context of the peer.</summary>
    public static int SO_PEERSEC => Base.SO_PEERSEC;

    /// <summary>SO_SNDBUF above the limit.</summary>
    public static int SO_SNDBUFFORCE => Base.SO_SNDBUFFORCE;

    /// <summary>SO_RCVBUF above the limit.</summary>
    public static int SO_RCVBUFFORCE => Base.SO_RCVBUFFORCE;

    /// <summary>The socket's family.</summary>
    public static int SO_DOMAIN => Base.SO_DOMAIN;

    /// <summary>The socket's protocol.</summary>
    public static int SO_PROTOCOL => Base.SO_PROTOCOL;

    /// <summary>Microseconds of busy polling.</summary>
    public static int SO_BUSY_POLL => Base.SO_BUSY_POLL;

    /// <summary>Only this interface.</summary>
    public static int SO_BINDTODEVICE => Base.SO_BINDTODEVICE;

    /// <summary>Receive time stamps.</summary>
    public static int SO_TIMESTAMP => Base.SO_TIMESTAMP;

    /// <summary>Attach a classic BPF filter.</summary>
    public static int SO_ATTACH_FILTER => Base.SO_ATTACH_FILTER;

    /// <summary>Longest listen queue by default.</summary>
    public static int SOMAXCONN => Base.SOMAXCONN;

    /// <summary>Control message: descriptors.</summary>
    public static int SCM_RIGHTS => Base.SCM_RIGHTS;

    /// <summary>Control message: credentials.</summary>
    public static int SCM_CREDENTIALS => Base.SCM_CREDENTIALS;

    /// <summary>Out-of-band data.</summary>
    public static int MSG_OOB => Base.MSG_OOB;

    /// <summary>Leave the data in the queue.</summary>
    public static int MSG_PEEK => Base.MSG_PEEK;

    /// <summary>Only to directly connected hosts.</summary>
    public static int MSG_DONTROUTE => Base.MSG_DONTROUTE;

    /// <summary>Control data were truncated.</summary>
    public static int MSG_CTRUNC => Base.MSG_CTRUNC;

    /// <summary>The datagram was truncated.</summary>
    public static int MSG_TRUNC => Base.MSG_TRUNC;

    /// <summary>Never block.</summary>
    public static int MSG_DONTWAIT => Base.MSG_DONTWAIT;

    /// <summary>End of a record.</summary>
    public static int MSG_EOR => Base.MSG_EOR;

    /// <summary>Wait for all bytes.</summary>
    public static int MSG_WAITALL => Base.MSG_WAITALL;

    /// <summary>The peer answered.</summary>
    public static int MSG_CONFIRM => Base.MSG_CONFIRM;

    /// <summary>Read the error queue.</summary>
    public static int MSG_ERRQUEUE => Base.MSG_ERRQUEUE;

    /// <summary>No SIGPIPE.</summary>
    public static int MSG_NOSIGNAL => Base.MSG_NOSIGNAL;

    /// <summary>More follows.</summary>
    public static int MSG_MORE => Base.MSG_MORE;

    /// <summary>recvmmsg: block for the first only.</summary>
    public static int MSG_WAITFORONE => Base.MSG_WAITFORONE;

    /// <summary>Send without copying.</summary>
    public static int MSG_ZEROCOPY => Base.MSG_ZEROCOPY;

    /// <summary>Received descriptors close on exec.</summary>
    public static int MSG_CMSG_CLOEXEC => Base.MSG_CMSG_CLOEXEC;

    /// <summary>No more receiving.</summary>
    public static int SHUT_RD => Base.SHUT_RD;

    /// <summary>No more sending.</summary>
    public static int SHUT_WR => Base.SHUT_WR;

    /// <summary>Neither.</summary>
    public static int SHUT_RDWR => Base.SHUT_RDWR;

    /// <summary>Makes a socket.</summary>
    public static int socket(int domain, int type, int protocol) => Base.socket(domain, type, protocol);

    /// <summary>Makes two connected sockets; <paramref name="sv"/> gets both descriptors.</summary>
    public static int socketpair(int domain, int type, int protocol, int* sv) => Base.socketpair(domain, type, protocol, sv);

    /// <summary>Makes two connected sockets.</summary>
    public static int socketpair(int domain, int type, int protocol, out int first, out int second)
    {
        int* sv = stackalloc int[2] { -1, -1 };
        int r = socketpair(domain, type, protocol, sv);
        first = sv[0];
        second = sv[1];
        return r;
    }

    /// <summary>Gives a socket its address.</summary>
    public static int bind(int sockfd, void* addr, uint addrlen) => Base.bind(sockfd, (Tmds.Linux.sockaddr*)addr, addrlen);

    /// <summary>Starts to listen.</summary>
    public static int listen(int sockfd, int backlog) => Base.listen(sockfd, backlog);

    /// <summary>Takes a connection; the address may be null.</summary>
    public static int accept4(int sockfd, void* addr, uint* addrlen, int flags) =>
        Base.accept4(sockfd, (Tmds.Linux.sockaddr*)addr, (Tmds.Linux.socklen_t*)addrlen, flags);

    /// <summary>Takes a connection.</summary>
    public static int accept4(int sockfd, int flags) => accept4(sockfd, null, null, flags);

    /// <summary>Connects.</summary>
    public static int connect(int sockfd, void* addr, uint addrlen) => Base.connect(sockfd, (Tmds.Linux.sockaddr*)addr, addrlen);

    /// <summary>The socket's own address.</summary>
    public static int getsockname(int sockfd, void* addr, uint* addrlen) =>
        Base.getsockname(sockfd, (Tmds.Linux.sockaddr*)addr, (Tmds.Linux.socklen_t*)addrlen);

    /// <summary>The peer's address.</summary>
    public static int getpeername(int sockfd, void* addr, uint* addrlen) =>
        Base.getpeername(sockfd, (Tmds.Linux.sockaddr*)addr, (Tmds.Linux.socklen_t*)addrlen);

    /// <summary>Gets an option.</summary>
    public static int getsockopt(int sockfd, int level, int optname, void* optval, uint* optlen) =>
        Base.getsockopt(sockfd, level, optname, optval, (Tmds.Linux.socklen_t*)optlen);

    /// <summary>Sets an option.</summary>
    public static int setsockopt(int sockfd, int level, int optname, void* optval, uint optlen) => Base.setsockopt(sockfd, level, optname, optval, optlen);

    /// <summary>Gets an option that is an int.</summary>
    public static int getsockopt(int sockfd, int level, int optname, out int value)
    {
        int local = 0;
        uint length = sizeof(int);
        int r = getsockopt(sockfd, level, optname, &local, &length);
        value = local;
        return r;
    }

    /// <summary>Sets an option that is an int.</summary>
    public static int setsockopt(int sockfd, int level, int optname, int value) => setsockopt(sockfd, level, optname, &value, sizeof(int));

    /// <summary>Ends one or both directions.</summary>
    public static int shutdown(int sockfd, int how) => Base.shutdown(sockfd, how);

    /// <summary>Sends a message.</summary>
    public static nint sendmsg(int sockfd, msghdr* msg, int flags) => (nint)(long)Base.sendmsg(sockfd, (Tmds.Linux.msghdr*)msg, flags);

    /// <summary>Receives a message.</summary>
    public static nint recvmsg(int sockfd, msghdr* msg, int flags) => (nint)(long)Base.recvmsg(sockfd, (Tmds.Linux.msghdr*)msg, flags);

    /// <summary>Sends several messages.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int sendmmsg(int sockfd, mmsghdr* msgvec, uint vlen, int flags);

    /// <summary>Receives several messages.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int recvmmsg(int sockfd, mmsghdr* msgvec, uint vlen, int flags, timespec* timeout);

    /// <summary>Sends to an address, or to the peer.</summary>
    public static nint sendto(int sockfd, void* buf, nuint len, int flags, void* dest_addr, uint addrlen) =>
        (nint)(long)Base.sendto(sockfd, buf, (Tmds.Linux.size_t)len, flags, (Tmds.Linux.sockaddr*)dest_addr, addrlen);

    /// <summary>Receives, with the sender's address.</summary>
    public static nint recvfrom(int sockfd, void* buf, nuint len, int flags, void* src_addr, uint* addrlen) =>
        (nint)(long)Base.recvfrom(sockfd, buf, (Tmds.Linux.size_t)len, flags, (Tmds.Linux.sockaddr*)src_addr, (Tmds.Linux.socklen_t*)addrlen);

    /// <summary>Sends a span to the peer.</summary>
    public static nint send(int sockfd, ReadOnlySpan<byte> buf, int flags)
    {
        fixed (byte* p = buf)
        {
            return sendto(sockfd, p, (nuint)buf.Length, flags, null, 0);
        }
    }

    /// <summary>Receives into a span.</summary>
    public static nint recv(int sockfd, Span<byte> buf, int flags)
    {
        fixed (byte* p = buf)
        {
            return recvfrom(sockfd, p, (nuint)buf.Length, flags, null, null);
        }
    }

    /// <summary>Rounds up to the alignment of control messages.</summary>
    public static nuint CMSG_ALIGN(nuint len) => (len + (nuint)sizeof(nuint) - 1) & ~((nuint)sizeof(nuint) - 1);

    /// <summary>Bytes that a control message with <paramref name="len"/> bytes of data takes in the buffer.</summary>
    public static nuint CMSG_SPACE(nuint len) => CMSG_ALIGN((nuint)sizeof(cmsghdr)) + CMSG_ALIGN(len);

    /// <summary>Value of cmsg_len for <paramref name="len"/> bytes of data.</summary>
    public static nuint CMSG_LEN(nuint len) => CMSG_ALIGN((nuint)sizeof(cmsghdr)) + len;

    /// <summary>First control message, or null.</summary>
    public static cmsghdr* CMSG_FIRSTHDR(msghdr* msg) => msg->msg_controllen >= (nuint)sizeof(cmsghdr) ? (cmsghdr*)msg->msg_control : null;

    /// <summary>The next control message, or null.</summary>
    public static cmsghdr* CMSG_NXTHDR(msghdr* msg, cmsghdr* cmsg)
    {
        // The length is compared before it is rounded up, which would overflow for the largest ones.
        byte* end = (byte*)msg->msg_control + msg->msg_controllen;
        nuint rest = (nuint)(end - (byte*)cmsg);
        if (cmsg->cmsg_len < (nuint)sizeof(cmsghdr) || cmsg->cmsg_len > rest || CMSG_ALIGN(cmsg->cmsg_len) > rest)
        {
            return null;
        }

        byte* next = (byte*)cmsg + CMSG_ALIGN(cmsg->cmsg_len);
        return (nuint)(end - next) < (nuint)sizeof(cmsghdr) ? null : (cmsghdr*)next;
    }

    /// <summary>Data of a control message.</summary>
    public static byte* CMSG_DATA(cmsghdr* cmsg) => (byte*)cmsg + CMSG_ALIGN((nuint)sizeof(cmsghdr));
}
