namespace VhostNet.VirtioNet.Frames;

/// <summary>Decides cheaply whether frames can go to a receiver as they are. Any thread.</summary>
internal static unsafe class OffloadPolicy
{
    /// <summary>Which offloads a receiver has to take for this header's frame to be sent as it is.</summary>
    public static Offloads Needs(in VirtioNetHeader header)
    {
        Offloads needs = (header.Flags & VirtioNetHeader.F_NEEDS_CSUM) != 0 ? Offloads.Checksum : Offloads.None;
        return (header.GsoType & ~VirtioNetHeader.GSO_ECN) switch
        {
            VirtioNetHeader.GSO_NONE => needs,
            VirtioNetHeader.GSO_TCPV4 => needs | Offloads.Tso4 | Ecn(header),
            VirtioNetHeader.GSO_TCPV6 => needs | Offloads.Tso6 | Ecn(header),
            // The header doesn't say which IP version it is, so a receiver has to take both; every driver that has one has the other.
            VirtioNetHeader.GSO_UDP_L4 => needs | Offloads.Uso4 | Offloads.Uso6,
            _ => Offloads.All,
        };

        static Offloads Ecn(in VirtioNetHeader header) => (header.GsoType & VirtioNetHeader.GSO_ECN) != 0 ? Offloads.Ecn : Offloads.None;
    }

    /// <summary>True when a receiver that takes <paramref name="accepts"/> can have all these frames as they are.</summary>
    /// <param name="burst">The burst.</param>
    /// <param name="frames">Indices into it.</param>
    /// <param name="accepts">What the receiver takes unfinished.</param>
    // SAFETY: each index is checked against FramesMax before it is used.
    public static bool CanPass(FrameBurst burst, ReadOnlySpan<ushort> frames, Offloads accepts)
    {
        ArgumentNullException.ThrowIfNull(burst);
        if ((burst.Unfinished & ~accepts) == 0)
        {
            return true;
        }

        VirtioNetHeader* headers = burst.Headers;
        foreach (ushort frame in frames)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(frame, FrameBurst.FramesMax, nameof(frames));
            if (!headers[frame].IsPlain && (Needs(headers[frame]) & ~accepts) != 0)
            {
                return false;
            }
        }

        return true;
    }
}
