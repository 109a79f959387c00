using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Frames;

/// <summary>What virtio 1.3 section 5.1.6.4 promises a driver about each frame, read from the specification and not from the code under attack.</summary>
internal static class Promises
{
    private const int EthernetHeader = 14;

    /// <summary>An IPv4 header; Linux takes no frame whose checksum begins before its end.</summary>
    private const int NetworkHeaderMin = 20;

    /// <exception cref="FuzzException">One was broken.</exception>
    public static void Check(string name, ulong features, in VirtioNetHeader header, int length)
    {
        if (length < EthernetHeader)
        {
            throw new FuzzException($"{name}: a frame of {length} bytes came");
        }

        bool partial = (header.Flags & VirtioNetHeader.F_NEEDS_CSUM) != 0;
        if (partial && (features & VirtioNetFeatures.GUEST_CSUM) == 0)
        {
            throw new FuzzException($"{name}: NEEDS_CSUM came to a guest that did not negotiate GUEST_CSUM");
        }

        if ((header.Flags & ~VirtioNetHeader.F_NEEDS_CSUM) != 0)
        {
            throw new FuzzException($"{name}: flags 0x{header.Flags:x2} vouch for what nobody has checked");
        }

        if (partial && header.CsumStart + header.CsumOffset + sizeof(ushort) > length)
        {
            throw new FuzzException($"{name}: the checksum at {header.CsumStart} + {header.CsumOffset} lies behind the frame's {length} bytes");
        }

        if (partial && header.CsumStart < EthernetHeader + NetworkHeaderMin)
        {
            throw new FuzzException($"{name}: the checksum begins at {header.CsumStart}, inside the network header");
        }

        if (header.GsoType != VirtioNetHeader.GSO_NONE)
        {
            CheckSegmentation(name, features, header, partial);
        }
    }

    private static void CheckSegmentation(string name, ulong features, in VirtioNetHeader header, bool partial)
    {
        ulong wanted = (header.GsoType & ~VirtioNetHeader.GSO_ECN) switch
        {
            VirtioNetHeader.GSO_TCPV4 => VirtioNetFeatures.GUEST_TSO4,
            VirtioNetHeader.GSO_TCPV6 => VirtioNetFeatures.GUEST_TSO6,
            VirtioNetHeader.GSO_UDP_L4 => VirtioNetFeatures.GUEST_USO4 | VirtioNetFeatures.GUEST_USO6,
            _ => throw new FuzzException($"{name}: gso_type 0x{header.GsoType:x2} is none"),
        };
        bool ecn = (header.GsoType & VirtioNetHeader.GSO_ECN) != 0;
        if ((features & wanted) == 0 || (ecn && (features & VirtioNetFeatures.GUEST_ECN) == 0))
        {
            throw new FuzzException($"{name}: gso_type 0x{header.GsoType:x2} came to a guest that did not negotiate it");
        }

        if (header.GsoSize == 0 || !partial)
        {
            throw new FuzzException($"{name}: gso_type 0x{header.GsoType:x2} came with gso_size {header.GsoSize} and flags {header.Flags}");
        }
    }
}
