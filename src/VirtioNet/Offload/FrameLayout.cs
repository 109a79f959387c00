using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Where a frame's headers lie, read from the frame itself: Ethernet with up to two VLAN tags, IPv4 with options or IPv6 with extension headers, TCP or
/// UDP. Nothing that virtio_net_hdr says is used here.
/// </summary>
internal readonly record struct FrameLayout
{
    /// <summary>Longest headers, from the Ethernet header to the end of the TCP or UDP header, that are understood.</summary>
    public const int HeadersMax = 512;

    /// <summary>EtherType of IEEE 802.1ad service tags.</summary>
    public const ushort ServiceTag = 0x88a8;

    private const int VlanTagLength = 4;
    private const int VlanTagsMax = 2;
    private const int IPv6ExtensionsMax = 8;
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte Authentication = 51;
    private const byte DestinationOptions = 60;

    /// <summary>EtherType after the VLAN tags.</summary>
    public ushort EtherType { get; init; }

    /// <summary>Offset of the IP header.</summary>
    public int Network { get; init; }

    /// <summary>Offset of the TCP or UDP header.</summary>
    public int Transport { get; init; }

    /// <summary>Offset of the first payload byte; the length of all headers.</summary>
    public int Payload { get; init; }

    /// <summary>IP protocol number after the extension headers.</summary>
    public byte Protocol { get; init; }

    /// <summary>True when this is a fragment, or an IPv6 packet with a fragment header.</summary>
    public bool IsFragment { get; init; }

    /// <summary>True for IPv6, false for IPv4.</summary>
    public bool IsIPv6 => EtherType == ETH_P_IPV6;

    /// <summary>Finds the EtherType behind up to two VLAN tags.</summary>
    /// <returns>Offset of the network header, or -1 when the frame ends before.</returns>
    public static int FindNetwork(ReadOnlySpan<byte> head, out ushort etherType)
    {
        int at = 2 * ETH_ALEN;
        etherType = 0;
        for (int tags = 0; head.Length >= at + 2; tags++, at += VlanTagLength)
        {
            etherType = BinaryPrimitives.ReadUInt16BigEndian(head[at..]);
            if (tags == VlanTagsMax || etherType is not (ETH_P_8021Q or ServiceTag))
            {
                return at + 2;
            }
        }

        return -1;
    }

    /// <summary>Reads the headers of a TCP or UDP frame.</summary>
    /// <param name="head">The frame's first bytes, our own copy: all of it or <see cref="HeadersMax"/>.</param>
    /// <param name="layout">The result.</param>
    /// <returns>False when this is no TCP or UDP over IP, or its headers don't fit.</returns>
    public static bool TryRead(ReadOnlySpan<byte> head, out FrameLayout layout)
    {
        layout = default;
        int network = FindNetwork(head, out ushort etherType);
        if (network < 0)
        {
            return false;
        }

        int transport;
        byte protocol;
        bool fragment;
        switch (etherType)
        {
            case ETH_P_IP:
                transport = ReadIPv4(head, network, out protocol, out fragment);
                break;
            case ETH_P_IPV6:
                transport = ReadIPv6(head, network, out protocol, out fragment);
                break;
            default:
                return false;
        }

        int payload = transport < 0 ? -1 : FindPayload(head, transport, protocol);
        layout = new FrameLayout
        {
            EtherType = etherType,
            Network = network,
            Transport = transport,
            Payload = payload,
            Protocol = protocol,
            IsFragment = fragment,
        };
        return payload >= 0;
    }

    private static int ReadIPv4(ReadOnlySpan<byte> head, int at, out byte protocol, out bool fragment)
    {
        protocol = 0;
        fragment = false;
        if (head.Length < at + 20 || head[at] >> 4 != 4)
        {
            return -1;
        }

        int length = (head[at] & 15) * 4;
        protocol = head[at + 9];
        fragment = (BinaryPrimitives.ReadUInt16BigEndian(head[(at + 6)..]) & 0x3fff) != 0;
        return length < 20 || head.Length < at + length ? -1 : at + length;
    }

    private static int ReadIPv6(ReadOnlySpan<byte> head, int at, out byte protocol, out bool fragment)
    {
        protocol = 0;
        fragment = false;
        if (head.Length < at + 40 || head[at] >> 4 != 6)
        {
            return -1;
        }

        protocol = head[at + 6];
        at += 40;
        for (int i = 0; i <= IPv6ExtensionsMax; i++)
        {
            if (protocol is not (HopByHop or Routing or Fragment or DestinationOptions or Authentication))
            {
                return at;
            }

            if (head.Length < at + 8)
            {
                return -1;
            }

            fragment |= protocol == Fragment;
            int length = protocol switch
            {
                Fragment => 8,
                Authentication => (head[at + 1] + 2) * 4,
                _ => (head[at + 1] + 1) * 8,
            };
            protocol = head[at];
            at += length;
        }

        return -1;
    }

    private static int FindPayload(ReadOnlySpan<byte> head, int transport, byte protocol)
    {
        if (protocol == IPPROTO_UDP)
        {
            return head.Length < transport + 8 ? -1 : transport + 8;
        }

        if (protocol != IPPROTO_TCP || head.Length < transport + 20)
        {
            return -1;
        }

        int length = (head[transport + 12] >> 4) * 4;
        return length < 20 || head.Length < transport + length ? -1 : transport + length;
    }
}
