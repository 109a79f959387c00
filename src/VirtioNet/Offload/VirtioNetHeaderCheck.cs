using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Checks what a sender claims in virtio_net_hdr against the frame (virtio 1.3 section 5.1.6.2). A guest may write anything there, so no field is used
/// before it passed here; offsets that software finishing needs are read from the frame's own headers, never from the claims. Any thread.
/// </summary>
internal static class VirtioNetHeaderCheck
{
    /// <summary>
    /// Most frames that one segmentation offload may turn into. 64 KiB at the smallest segments that matter (TCP over an MTU of 576: 512 bytes) make 128; a
    /// frame that asks for more is dropped, so that a guest can't make others do hundreds of times the work that it did itself.
    /// </summary>
    public const int SegmentsMax = 512;

    /// <summary>Shortest network header in front of something that has a checksum: IPv4. The kernel asks for as much.</summary>
    private const int NetworkHeaderMin = 20;

    /// <summary>True when the header's claims fit the frame. A plain header, which claims nothing, always does.</summary>
    /// <param name="header">The header, read once by value.</param>
    /// <param name="burst">The burst that holds the frame.</param>
    /// <param name="frame">The frame's index.</param>
    public static bool IsValid(in VirtioNetHeader header, FrameBurst burst, int frame)
    {
        ArgumentNullException.ThrowIfNull(burst);
        if (header.IsPlain)
        {
            return true;
        }

        if (header.GsoType == VirtioNetHeader.GSO_NONE)
        {
            return IsChecksumValid(header, burst[frame].TotalLength);
        }

        Span<byte> head = stackalloc byte[FrameLayout.HeadersMax];
        head = head[..burst.CopyTo(frame, 0, head)];
        return TryReadSegmented(header, head, burst[frame].TotalLength, out _);
    }

    /// <summary>
    /// As <see cref="IsValid"/>, and makes the header exact (flags, hdr_len), so that receivers may pass it on as it is, and says which offloads a receiver
    /// has to take for that.
    /// </summary>
    public static bool TryNormalise(ref VirtioNetHeader header, FrameBurst burst, int frame, out Offloads needs)
    {
        ArgumentNullException.ThrowIfNull(burst);
        needs = Offloads.None;
        if (header.IsPlain)
        {
            // A guest can't vouch for a checksum (DATA_VALID).
            header.Flags = 0;
            return true;
        }

        header.Flags &= VirtioNetHeader.F_NEEDS_CSUM;
        uint length = burst[frame].TotalLength;
        if (header.GsoType == VirtioNetHeader.GSO_NONE)
        {
            needs = Offloads.Checksum;
            bool valid = IsChecksumValid(header, length);
            header.HdrLen = (ushort)(header.CsumStart + header.CsumOffset + sizeof(ushort));
            return valid;
        }

        Span<byte> head = stackalloc byte[FrameLayout.HeadersMax];
        head = head[..burst.CopyTo(frame, 0, head)];
        if (!TryReadSegmented(header, head, length, out FrameLayout layout))
        {
            return false;
        }

        header.HdrLen = (ushort)layout.Payload;
        needs = OffloadPolicy.Needs(header);
        return true;
    }

    /// <summary>True when the partial checksum's field lies behind the Ethernet and network headers and inside the frame.</summary>
    internal static bool IsChecksumValid(in VirtioNetHeader header, uint length) =>
        header.CsumStart >= ETH_HLEN + NetworkHeaderMin && (uint)header.CsumStart + header.CsumOffset + sizeof(ushort) <= Math.Min(length, ushort.MaxValue)
        && header.HdrLen <= length;

    /// <summary>Checks a segmentation header against the frame's first bytes and reads where the frame's headers lie.</summary>
    internal static bool TryReadSegmented(in VirtioNetHeader header, ReadOnlySpan<byte> head, uint length, out FrameLayout layout)
    {
        layout = default;
        if ((header.Flags & VirtioNetHeader.F_NEEDS_CSUM) == 0 || header.GsoSize == 0 || !IsChecksumValid(header, length)
            || !FrameLayout.TryRead(head, out layout) || layout.IsFragment)
        {
            return false;
        }

        bool typeFits = header.GsoType switch
        {
            VirtioNetHeader.GSO_TCPV4 or (VirtioNetHeader.GSO_TCPV4 | VirtioNetHeader.GSO_ECN) => layout.Protocol == IPPROTO_TCP && !layout.IsIPv6,
            VirtioNetHeader.GSO_TCPV6 or (VirtioNetHeader.GSO_TCPV6 | VirtioNetHeader.GSO_ECN) => layout.Protocol == IPPROTO_TCP && layout.IsIPv6,
            VirtioNetHeader.GSO_UDP_L4 => layout.Protocol == IPPROTO_UDP,
            _ => false,
        };
        int checksum = layout.Protocol == IPPROTO_TCP ? TransportFields.TcpChecksum : TransportFields.UdpChecksum;
        return typeFits && header.CsumStart == layout.Transport && header.CsumOffset == checksum && length - (uint)layout.Network <= ushort.MaxValue
            && length - (uint)layout.Payload <= (uint)header.GsoSize * SegmentsMax;
    }
}
