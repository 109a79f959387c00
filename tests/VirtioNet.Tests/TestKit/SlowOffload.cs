using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>
/// Segmentation by building each segment anew from the frame's description: shares no idea with the fast code, which patches a template. Its results were
/// themselves compared with the kernel's.
/// </summary>
internal static class SlowOffload
{
    public static List<byte[]> Segment(FrameBuilder frame, int gsoSize)
    {
        var result = new List<byte[]>();
        int count = Math.Max(1, (frame.Payload.Length + gsoSize - 1) / gsoSize);
        for (int i = 0; i < count; i++)
        {
            byte[] payload = frame.Payload.AsSpan(i * gsoSize, Math.Min(gsoSize, frame.Payload.Length - (i * gsoSize))).ToArray();
            byte flags = frame.TcpFlags;
            flags &= i > 0 ? (byte)0x7f : (byte)0xff;
            flags &= i < count - 1 ? unchecked((byte)~0x09) : (byte)0xff;
            FrameBuilder segment = frame with
            {
                Payload = payload,
                TcpFlags = flags,
                Sequence = frame.Sequence + (uint)(i * gsoSize),
                Identification = (ushort)(frame.Identification + i),
            };
            result.Add(segment.Finished());
        }

        return result;
    }

    /// <summary>Finishes a partial checksum at any place of any frame.</summary>
    public static byte[] Checksum(byte[] frame, int start, int offset)
    {
        byte[] result = [.. frame];
        ushort sum = (ushort)~SlowChecksum.Sum(frame.AsSpan(start));

        // A field at an odd distance is summed as two halves of two words, as the kernel does.
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(start + offset), sum == 0 ? (ushort)0xffff : sum);
        return result;
    }
}
