using System.Runtime.InteropServices;
using System.Text;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.Links;

/// <summary>The interfaces that there are, from a list of all and the messages about each since (rtnetlink(7)). One thread.</summary>
internal sealed class LinkTable
{
    private readonly Dictionary<int, Link> _links = [];
    private readonly HashSet<int> _listed = [];

    /// <summary>True when a list of all has come to its end since <see cref="BeginList"/>.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The list has to be asked for once more: it failed, or interfaces changed while the kernel made it.</summary>
    public bool IsListSpoilt { get; private set; }

    /// <summary>Number of interfaces.</summary>
    public int Count => _links.Count;

    /// <summary>The interface of an index.</summary>
    public Link? Find(int index) => _links.TryGetValue(index, out Link link) ? link : null;

    /// <summary>The interface of a name.</summary>
    public Link? Find(string name)
    {
        foreach (Link link in _links.Values)
        {
            if (link.Name == name)
            {
                return link;
            }
        }

        return null;
    }

    /// <summary>A list of all was asked for: what it does not name is not there any more.</summary>
    public void BeginList()
    {
        IsComplete = IsListSpoilt = false;
        _listed.Clear();
    }

    /// <summary>Takes over what a datagram says.</summary>
    /// <param name="datagram">One or more messages; what is cut off or makes no sense is left out.</param>
    /// <param name="changed">Gets the interfaces, as they were before or are now, that the messages are about.</param>
    public void Apply(ReadOnlySpan<byte> datagram, List<Link> changed)
    {
        int header = Marshal.SizeOf<nlmsghdr>();
        while (datagram.Length >= header)
        {
            nlmsghdr message = NetlinkCalls.Read<nlmsghdr>(datagram);
            if (message.nlmsg_len < header || message.nlmsg_len > datagram.Length)
            {
                return;
            }

            IsListSpoilt |= (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0 || message.nlmsg_type == NLMSG_ERROR;
            ReadOnlySpan<byte> body = datagram[header..(int)message.nlmsg_len];
            if (message.nlmsg_type == NLMSG_DONE)
            {
                EndList();
            }
            else if (message.nlmsg_type is RTM_NEWLINK or RTM_DELLINK)
            {
                Apply(body, message.nlmsg_type == RTM_DELLINK, changed);
            }

            datagram = datagram[Math.Min(Align((int)message.nlmsg_len), datagram.Length)..];
        }
    }

    private static int Align(int length) => (length + 3) & ~3;

    private void Apply(ReadOnlySpan<byte> body, bool isRemoved, List<Link> changed)
    {
        int size = Marshal.SizeOf<ifinfomsg>();
        if (body.Length < size)
        {
            return;
        }

        ifinfomsg facts = NetlinkCalls.Read<ifinfomsg>(body);
        if (facts.ifi_family != AF_UNSPEC)
        {
            // A bridge tells of its ports in messages of its own; one that says "removed" means the place in the bridge.
            return;
        }

        if (_links.TryGetValue(facts.ifi_index, out Link before))
        {
            changed.Add(before);
        }

        if (isRemoved)
        {
            _links.Remove(facts.ifi_index);
            _listed.Remove(facts.ifi_index);
            return;
        }

        Link now = Read(facts, body[size..], before.Name ?? string.Empty);
        _links[now.Index] = now;
        _listed.Add(now.Index);
        changed.Add(now);
    }

    private static Link Read(in ifinfomsg facts, ReadOnlySpan<byte> attributes, string name)
    {
        int bridge = 0;
        int header = Marshal.SizeOf<rtattr>();
        while (attributes.Length >= header)
        {
            rtattr attribute = NetlinkCalls.Read<rtattr>(attributes);
            if (attribute.rta_len < header || attribute.rta_len > attributes.Length)
            {
                break;
            }

            ReadOnlySpan<byte> value = attributes[header..attribute.rta_len];
            if (attribute.rta_type == IFLA_IFNAME)
            {
                name = Encoding.UTF8.GetString(value.TrimEnd((byte)0));
            }
            else if (attribute.rta_type == IFLA_MASTER && value.Length >= sizeof(int))
            {
                bridge = NetlinkCalls.Read<int>(value);
            }

            attributes = attributes[Math.Min(Align(attribute.rta_len), attributes.Length)..];
        }

        return new Link(facts.ifi_index, name, (facts.ifi_flags & IFF_UP) != 0, bridge);
    }

    private void EndList()
    {
        foreach (int index in _links.Keys.Where(i => !_listed.Contains(i)).ToList())
        {
            _links.Remove(index);
        }

        IsComplete = !IsListSpoilt;
    }
}
