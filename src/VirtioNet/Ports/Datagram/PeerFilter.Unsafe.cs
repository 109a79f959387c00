using System.Net;
using System.Net.Sockets;

namespace VhostNet.VirtioNet.Ports.Datagram;

/// <summary>
/// Has the kernel drop UDP datagrams that are not from one address and port, whether the socket is connected or not. A connected socket takes no others anyway,
/// but one that has no route to its peer can't be connected, and one that looks for a new way is not for a moment.
/// </summary>
internal static unsafe class PeerFilter
{
    /// <summary>Attaches the filter (socket(7), SO_ATTACH_FILTER).</summary>
    /// <returns>0 or the error number.</returns>
    // SAFETY: the instructions are on the stack, and no more than there is room for; the kernel copies them.
    public static int Attach(FileDescriptor fd, IPEndPoint peer)
    {
        // A UDP socket's filter sees the datagram from its UDP header on, whose first field is the sender's port; the IP header is reached from SKF_NET_OFF.
        sock_filter* code = stackalloc sock_filter[12];
        int count = 0;
        code[count++] = new sock_filter(BPF_LD | BPF_H | BPF_ABS, 0);
        code[count++] = new sock_filter(BPF_JMP | BPF_JEQ | BPF_K, (uint)peer.Port);
        ReadOnlySpan<byte> address = peer.Address.GetAddressBytes();

        // Where the sender's address is in an IPv6 or an IPv4 header.
        int offset = peer.AddressFamily == AddressFamily.InterNetworkV6 ? 8 : 12;
        for (int i = 0; i < address.Length; i += sizeof(uint))
        {
            code[count++] = new sock_filter(BPF_LD | BPF_W | BPF_ABS, (uint)(SKF_NET_OFF + offset + i));
            code[count++] = new sock_filter(BPF_JMP | BPF_JEQ | BPF_K, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address[i..]));
        }

        code[count++] = new sock_filter(BPF_RET | BPF_K, uint.MaxValue);
        code[count++] = new sock_filter(BPF_RET | BPF_K, 0);
        for (int i = 0; i < count - 2; i++)
        {
            // What is not equal ends with the last instruction.
            code[i].jf = (byte)(code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) ? count - 2 - i : 0);
        }

        sock_fprog program = new() { len = (ushort)count, filter = code };
        return setsockopt(fd.Value, SOL_SOCKET, SO_ATTACH_FILTER, &program, (uint)sizeof(sock_fprog)) < 0 ? errno : 0;
    }
}
