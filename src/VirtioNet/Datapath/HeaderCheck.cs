namespace VhostNet.VirtioNet.Datapath;

/// <summary>Checks the offload fields that a guest wrote into virtio_net_hdr before anybody acts on them (virtio 1.3 section 5.1.6.2.2).</summary>
public static class HeaderCheck
{
    /// <summary>
    /// Says which offloads a frame needs, or that its header contradicts it: an unknown segmentation type, a segment size of 0, segmentation without a
    /// partial checksum, or a checksum field that doesn't lie inside the frame. HdrLen is never believed and therefore not looked at.
    /// </summary>
    public static bool TryGetOffloads(in VirtioNetHeader header, uint frameLength, out Offloads offloads)
    {
        offloads = Offloads.None;
        if ((header.Flags & VirtioNetHeader.F_NEEDS_CSUM) != 0)
        {
            offloads = Offloads.Checksum;
            if (header.CsumStart < TxParser.EthernetHeaderSize || (uint)header.CsumStart + header.CsumOffset + 2 > frameLength)
            {
                return false;
            }
        }

        if (header.GsoType == VirtioNetHeader.GSO_NONE)
        {
            return true;
        }

        if (offloads == Offloads.None || header.GsoSize == 0)
        {
            return false;
        }

        bool ecn = (header.GsoType & VirtioNetHeader.GSO_ECN) != 0;
        switch (header.GsoType & ~VirtioNetHeader.GSO_ECN)
        {
            case VirtioNetHeader.GSO_TCPV4:
                offloads |= Offloads.Tso4;
                break;
            case VirtioNetHeader.GSO_TCPV6:
                offloads |= Offloads.Tso6;
                break;
            case VirtioNetHeader.GSO_UDP_L4 when !ecn:
                offloads |= Offloads.Uso4 | Offloads.Uso6;
                break;
            default:
                return false;
        }

        if (ecn)
        {
            offloads |= Offloads.Ecn;
        }

        return true;
    }
}
