using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Frames;

/// <summary>
/// Frames of one direction of one queue or port. Plain longs: written by one thread at a time, read by anybody. Padded to whole cache lines.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct FrameCounters
{
    /// <summary>Frames passed on.</summary>
    public long Frames;

    /// <summary>Bytes of those frames, without virtio_net_hdr.</summary>
    public long Bytes;

    /// <summary>Frames dropped, by reason.</summary>
    public DropCounters Drops;

    /// <summary>Counts <paramref name="count"/> dropped frames.</summary>
    public void Drop(DropReason reason, int count = 1) => Drops[(int)reason] += count;

    /// <summary>Adds another direction's or queue's figures.</summary>
    public void Add(in FrameCounters other)
    {
        Frames += other.Frames;
        Bytes += other.Bytes;
        for (int i = 0; i < DropCounters.Length; i++)
        {
            Drops[i] += other.Drops[i];
        }
    }

    /// <summary>All drops together.</summary>
    public readonly long DroppedTotal
    {
        get
        {
            long total = 0;
            foreach (long count in Drops)
            {
                total += count;
            }

            return total;
        }
    }
}
