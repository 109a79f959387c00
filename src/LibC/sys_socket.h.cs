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
    public const int AF_UNSPEC = 0;

    /// <summary>Unix domain.</summary>
    public const int AF_UNIX = 1;

    /// <summary>IPv4.</summary>
    public const int AF_INET = 2;

    /// <summary>IPv6.</summary>
    public const int AF_INET6 = 10;

    /// <summary>Netlink.</summary>
    public const int AF_NETLINK = 16;

    /// <summary>Link layer.</summary>
    public const int AF_PACKET = 17;

    /// <summary>Virtual machine sockets.</summary>
    public const int AF_VSOCK = 40;

    /// <summary>Byte stream.</summary>
    public const int SOCK_STREAM = 1;

    /// <summary>Datagrams.</summary>
    public const int SOCK_DGRAM = 2;

    /// <summary>Raw packets.</summary>
    public const int SOCK_RAW = 3;

    /// <summary>Datagrams in order over a connection.</summary>
    public const int SOCK_SEQPACKET = 5;

    /// <summary>Close on exec.</summary>
    public const int SOCK_CLOEXEC = 0x80000;

    /// <summary>Never block.</summary>
    public const int SOCK_NONBLOCK = 0x800;

    /// <summary>Options of the socket itself.</summary>
    public const int SOL_SOCKET = 1;

    /// <summary>Record debugging.</summary>
    public const int SO_DEBUG = 1;

    /// <summary>Allow an address to be used again.</summary>
    public const int SO_REUSEADDR = 2;

    /// <summary>The socket's type.</summary>
    public const int SO_TYPE = 3;

    /// <summary>The pending error; reading clears it.</summary>
    public const int SO_ERROR = 4;

    /// <summary>Allow broadcasts.</summary>
    public const int SO_BROADCAST = 6;

    /// <summary>Bytes of the send buffer.</summary>
    public const int SO_SNDBUF = 7;

    /// <summary>Bytes of the receive buffer.</summary>
    public const int SO_RCVBUF = 8;

    /// <summary>Send probes on an idle connection.</summary>
    public const int SO_KEEPALIVE = 9;

    /// <summary>Queueing priority.</summary>
    public const int SO_PRIORITY = 12;

    /// <summary>Several sockets on one port.</summary>
    public const int SO_REUSEPORT = 15;

    /// <summary>Receive credentials.</summary>
    public const int SO_PASSCRED = 16;

    /// <summary>Credentials of the peer.</summary>
    public const int SO_PEERCRED = 17;

    /// <summary>Time-out of receiving.</summary>
    public const int SO_RCVTIMEO = 20;

    /// <summary>Time-out of sending.</summary>
    public const int SO_SNDTIMEO = 21;

    /// <summary>Whether it listens.</summary>
    public const int SO_ACCEPTCONN = 30;

    /// <summary>Security context of the peer.</summary>
    public const int SO_PEERSEC = 31;

    /// <summary>SO_SNDBUF above the limit.</summary>
    public const int SO_SNDBUFFORCE = 32;

    /// <summary>SO_RCVBUF above the limit.</summary>
    public const int SO_RCVBUFFORCE = 33;

    /// <summary>The socket's family.</summary>
    public const int SO_DOMAIN = 39;

    /// <summary>The socket's protocol.</summary>
    public const int SO_PROTOCOL = 38;

    /// <summary>Microseconds of busy polling.</summary>
    public const int SO_BUSY_POLL = 46;

    /// <summary>Only this interface.</summary>
    public const int SO_BINDTODEVICE = 25;

    /// <summary>Receive time stamps.</summary>
    public const int SO_TIMESTAMP = 29;

    /// <summary>Attach a classic BPF filter.</summary>
    public const int SO_ATTACH_FILTER = 26;

    /// <summary>Longest listen queue by default.</summary>
    public const int SOMAXCONN = 0x1000;

    /// <summary>Control message: descriptors.</summary>
    public const int SCM_RIGHTS = 1;

    /// <summary>Control message: credentials.</summary>
    public const int SCM_CREDENTIALS = 2;

    /// <summary>Out-of-band data.</summary>
    public const int MSG_OOB = 1;

    /// <summary>Leave the data in the queue.</summary>
    public const int MSG_PEEK = 2;

    /// <summary>Only to directly connected hosts.</summary>
    public const int MSG_DONTROUTE = 4;

    /// <summary>Control data were truncated.</summary>
    public const int MSG_CTRUNC = 8;

    /// <summary>The datagram was truncated.</summary>
    public const int MSG_TRUNC = 0x20;

    /// <summary>Never block.</summary>
    public const int MSG_DONTWAIT = 0x40;

    /// <summary>End of a record.</summary>
    public const int MSG_EOR = 0x80;

    /// <summary>Wait for all bytes.</summary>
    public const int MSG_WAITALL = 0x100;

    /// <summary>The peer answered.</summary>
    public const int MSG_CONFIRM = 0x800;

    /// <summary>Read the error queue.</summary>
    public const int MSG_ERRQUEUE = 0x2000;

    /// <summary>No SIGPIPE.</summary>
    public const int MSG_NOSIGNAL = 0x4000;

    /// <summary>More follows.</summary>
    public const int MSG_MORE = 0x8000;

    /// <summary>recvmmsg: block for the first only.</summary>
    public const int MSG_WAITFORONE = 0x10000;

    /// <summary>Send without copying.</summary>
    public const int MSG_ZEROCOPY = 0x4000000;

    /// <summary>Received descriptors close on exec.</summary>
    public const int MSG_CMSG_CLOEXEC = 0x40000000;

    /// <summary>No more receiving.</summary>
    public const int SHUT_RD = 0;

    /// <summary>No more sending.</summary>
    public const int SHUT_WR = 1;

    /// <summary>Neither.</summary>
    public const int SHUT_RDWR = 2;

    /// <summary>Makes a socket.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);

    /// <summary>Makes two connected sockets; <paramref name="sv"/> gets both descriptors.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* sv);

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
    [LibraryImport("libc", SetLastError = true)]
    public static partial int bind(int sockfd, void* addr, uint addrlen);

    /// <summary>Starts to listen.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int listen(int sockfd, int backlog);

    /// <summary>Takes a connection; the address may be null.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(int sockfd, void* addr, uint* addrlen, int flags);

    /// <summary>Takes a connection.</summary>
    public static int accept4(int sockfd, int flags) => accept4(sockfd, null, null, flags);

    /// <summary>Connects.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int connect(int sockfd, void* addr, uint addrlen);

    /// <summary>The socket's own address.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockname(int sockfd, void* addr, uint* addrlen);

    /// <summary>The peer's address.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int getpeername(int sockfd, void* addr, uint* addrlen);

    /// <summary>Gets an option.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int getsockopt(int sockfd, int level, int optname, void* optval, uint* optlen);

    /// <summary>Sets an option.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int sockfd, int level, int optname, void* optval, uint optlen);

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
    [LibraryImport("libc", SetLastError = true)]
    public static partial int shutdown(int sockfd, int how);

    /// <summary>Sends a message.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendmsg(int sockfd, msghdr* msg, int flags);

    /// <summary>Receives a message.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int sockfd, msghdr* msg, int flags);

    /// <summary>Sends several messages.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int sendmmsg(int sockfd, mmsghdr* msgvec, uint vlen, int flags);

    /// <summary>Receives several messages.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial int recvmmsg(int sockfd, mmsghdr* msgvec, uint vlen, int flags, timespec* timeout);

    /// <summary>Sends to an address, or to the peer.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendto(int sockfd, void* buf, nuint len, int flags, void* dest_addr, uint addrlen);

    /// <summary>Receives, with the sender's address.</summary>
    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvfrom(int sockfd, void* buf, nuint len, int flags, void* src_addr, uint* addrlen);

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
