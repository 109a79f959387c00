using VhostNet.VirtioNet.Datapath;

namespace VhostNet.VirtioNet.Offload;

/// <summary>
/// Checks what a sender claims in virtio_net_hdr against the frame (virtio 1.3 section 5.1.6.2). A guest may write anything there, so no field is used
/// before it passed here; offsets that software finishing needs are read from the frame's own headers, never from the claims. Any thread.
/// </summary>
public static class VirtioNetHeaderCheck
{
    /// <summary>
    /// Most frames that one segmentation offload may turn into. 64 KiB at the smallest segments that matter (TCP over an MTU of 576: 512 bytes) make 128; a
    /// frame that asks for more is dropped, so that a guest can't make others do hundreds of times the work that it did itself.
    /// </summary>
    public const int SegmentsMax = 512;

    private const byte BadMark = 0x7f;

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
    /// Checks every frame of a burst that came from outside. A frame whose header lies is emptied, so that every receiver skips it; the headers of the others
    /// are made exact (hdr_len, flags), so that receivers may pass them on as they are.
    /// </summary>
    /// <returns>The number of frames emptied; they are to be counted by <see cref="CountBad"/> when it is known how many frames are done with.</returns>
    public static int CheckBurst(FrameBurst burst)
    {
        ArgumentNullException.ThrowIfNull(burst);
        int bad = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            ref VirtioNetHeader header = ref burst.Header(i);
            if (header.IsPlain || burst[i].IsMalformed || Normalise(ref header, burst, i))
            {
                continue;
            }

            burst[i].SegmentCount = 0;
            header.GsoType = BadMark;
            bad++;
        }

        return bad;
    }

    /// <summary>Counts, as <see cref="DropReason.BadHeader"/>, the frames among the first <paramref name="done"/> that <see cref="CheckBurst"/> emptied.</summary>
    public static void CountBad(FrameBurst burst, int done, ref FrameCounters counters)
    {
        ArgumentNullException.ThrowIfNull(burst);
        for (int i = 0; i < done; i++)
        {
            if (burst[i].IsMalformed && burst.Header(i).GsoType == BadMark)
            {
                counters.Drop(DropReason.BadHeader);
            }
        }
    }

    /// <summary>True when the partial checksum's field lies behind the Ethernet header and inside the frame.</summary>
    internal static bool IsChecksumValid(in VirtioNetHeader header, uint length) =>
        header.CsumStart >= ETH_HLEN && (uint)header.CsumStart + header.CsumOffset + sizeof(ushort) <= Math.Min(length, ushort.MaxValue)
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

    private static bool Normalise(ref VirtioNetHeader header, FrameBurst burst, int frame)
    {
        header.Flags &= VirtioNetHeader.F_NEEDS_CSUM;
        uint length = burst[frame].TotalLength;
        if (header.GsoType == VirtioNetHeader.GSO_NONE)
        {
            if (!IsChecksumValid(header, length))
            {
                return false;
            }

            header.HdrLen = (ushort)(header.CsumStart + header.CsumOffset + sizeof(ushort));
            return true;
        }

        Span<byte> head = stackalloc byte[FrameLayout.HeadersMax];
        head = head[..burst.CopyTo(frame, 0, head)];
        if (!TryReadSegmented(header, head, length, out FrameLayout layout))
        {
            return false;
        }

        header.HdrLen = (ushort)layout.Payload;
        return true;
    }
}
