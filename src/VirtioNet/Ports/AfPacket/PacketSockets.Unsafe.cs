using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.AfPacket;

/// <summary>Opens packet sockets on an interface (packet(7)).</summary>
internal static unsafe class PacketSockets
{
    private const int QueuesMax = 64;

    /// <summary>Opens as many sockets as the options ask for.</summary>
    /// <param name="options">Which interface, and how.</param>
    /// <param name="index">Its index; the sockets see nothing of an interface that is made anew under the same name.</param>
    /// <exception cref="PortException">They can't be had; the message says why and what would help.</exception>
    public static FileDescriptor[] Open(AfPacketOptions options, out int index)
    {
        string name = options.Interface;
        if (options.Queues is < 1 or > QueuesMax)
        {
            throw new PortOptionsException($"af-packet {name}: {options.Queues} queues were asked for; 1 to {QueuesMax} are possible");
        }

        index = (int)if_nametoindex(name);
        if (index == 0)
        {
            throw new PortException($"af-packet {name}: there is no interface of that name; 'ip link' lists those there are");
        }

        var sockets = new List<FileDescriptor>();
        try
        {
            int group = 0;
            for (int i = 0; i < options.Queues; i++)
            {
                FileDescriptor fd = SocketCalls.Open(AF_PACKET, SOCK_RAW);
                sockets.Add(fd);
                SetUp(fd.Value, options, index);
                if (options.Queues > 1)
                {
                    group = JoinFanout(fd.Value, name, group, first: i == 0);
                }
            }

            return [.. sockets];
        }
        catch (Exception e)
        {
            sockets.ForEach(s => s.Dispose());
            if (e is ErrnoException { Errno.Value: EPERM or EACCES })
            {
                throw new PortException($"af-packet {name}: permission denied; packet sockets need CAP_NET_RAW, a tap joined to a bridge does without", e);
            }

            if (e is ErrnoException)
            {
                throw new PortException($"af-packet {name}: {e.Message}", e);
            }

            throw;
        }
    }

    // SAFETY: the structures are on the stack and have the sizes given.
    private static void SetUp(int fd, AfPacketOptions options, int index)
    {
        // Also without offloads: only the header tells that a frame's checksum is not there yet, as between the ends of a veth.
        Check(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1), "PACKET_VNET_HDR");
        if (options.QdiscBypass)
        {
            Check(setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1), "PACKET_QDISC_BYPASS");
        }

        Check(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, 1), "PACKET_AUXDATA");

        // Without it frames would come back that the host, or this port, sends.
        Check(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), "PACKET_IGNORE_OUTGOING");

        // The socket was made for no protocol, so that nothing arrives from other interfaces before it is bound to this one.
        sockaddr_ll address = new() { sll_family = (ushort)AF_PACKET, sll_protocol = htons(ETH_P_ALL), sll_ifindex = index };
        Check(bind(fd, &address, (uint)sizeof(sockaddr_ll)), "bind");
        if (options.Promiscuous)
        {
            packet_mreq request = new() { mr_ifindex = index, mr_type = (ushort)PACKET_MR_PROMISC };
            Check(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, (uint)sizeof(packet_mreq)), "PACKET_MR_PROMISC");
        }
    }

    private static int JoinFanout(int fd, string name, int group, bool first)
    {
        // The first socket has the kernel choose a number for the group.
        int flags = PACKET_FANOUT_HASH | (first ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
        Check(setsockopt(fd, SOL_PACKET, PACKET_FANOUT, (flags << 16) | group), $"PACKET_FANOUT on {name}");
        if (!first)
        {
            return group;
        }

        Check(getsockopt(fd, SOL_PACKET, PACKET_FANOUT, out int value), $"PACKET_FANOUT on {name}");
        return value & 0xffff;
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            Errno.Last.Throw(what);
        }
    }
}
