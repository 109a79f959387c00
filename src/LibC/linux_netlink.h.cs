using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Address of a netlink socket.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct sockaddr_nl
{
    /// <summary>AF_NETLINK.</summary>
    public ushort nl_family;

    /// <summary>0.</summary>
    public ushort nl_pad;

    /// <summary>Port; 0 to be given one.</summary>
    public uint nl_pid;

    /// <summary>Groups whose messages are wanted.</summary>
    public uint nl_groups;
}

/// <summary>What each netlink message begins with.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct nlmsghdr
{
    /// <summary>Bytes of the message, this header among them.</summary>
    public uint nlmsg_len;

    /// <summary>What it says.</summary>
    public ushort nlmsg_type;

    /// <summary>NLM_F_.</summary>
    public ushort nlmsg_flags;

    /// <summary>The request's number, in its answers too.</summary>
    public uint nlmsg_seq;

    /// <summary>Sender's port.</summary>
    public uint nlmsg_pid;
}

/// <content>linux/netlink.h</content>
public static partial class LibC
{
    /// <summary>Links, addresses and routes.</summary>
    public const int NETLINK_ROUTE = 0;

    /// <summary>It is a request.</summary>
    public const int NLM_F_REQUEST = 1;

    /// <summary>What was listed changed meanwhile, so that the list may be inconsistent.</summary>
    public const int NLM_F_DUMP_INTR = 0x10;

    /// <summary>Everything is to be listed.</summary>
    public const int NLM_F_DUMP = 0x300;

    /// <summary>An error, or an acknowledgement.</summary>
    public const int NLMSG_ERROR = 2;

    /// <summary>The list ends.</summary>
    public const int NLMSG_DONE = 3;
}
