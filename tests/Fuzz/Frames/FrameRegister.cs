using System.Buffers.Binary;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Frames;

/// <summary>The good frames of a case by number. The number is part of their IP addresses, which are such that no mutation makes them by chance.</summary>
internal sealed class FrameRegister
{
    private const uint SourceMark = 0xa75c_e139;
    private const ushort DestinationMark = 0xc396;

    private readonly List<SentFrame> _frames = [];

    public SentFrame Add(Func<ushort, SentFrame> make)
    {
        SentFrame frame = make((ushort)_frames.Count);
        _frames.Add(frame);
        return frame;
    }

    /// <summary>The frame that was added last.</summary>
    public SentFrame Last => _frames[^1];

    /// <summary>Puts the number into a template's addresses.</summary>
    public static FrameBuilder Mark(FrameBuilder template, ushort id)
    {
        byte[] source = [.. template.SourceAddress];
        byte[] destination = [.. template.DestinationAddress];
        BinaryPrimitives.WriteUInt32BigEndian(source, SourceMark);
        BinaryPrimitives.WriteUInt16BigEndian(destination, DestinationMark);
        BinaryPrimitives.WriteUInt16BigEndian(destination.AsSpan(2), id);
        return template with { SourceAddress = source, DestinationAddress = destination };
    }

    /// <summary>Finds the frame that this is, or is a part of; null when it is none of the good ones.</summary>
    /// <param name="frame">The frame as it arrived, with any number of tags.</param>
    /// <param name="network">Where its IP header begins.</param>
    public SentFrame? Find(ReadOnlySpan<byte> frame, out int network)
    {
        network = 14;
        while (network + 4 < frame.Length && BinaryPrimitives.ReadUInt16BigEndian(frame[(network - 2)..]) is 0x8100 or 0x88a8)
        {
            network += 4;
        }

        return frame.Length < network + 20 ? null : BinaryPrimitives.ReadUInt16BigEndian(frame[(network - 2)..]) switch
        {
            0x0800 => Find(frame[(network + 12)..], frame[(network + 16)..]),
            0x86dd when frame.Length >= network + 40 => Find(frame[(network + 8)..], frame[(network + 24)..]),
            _ => null,
        };
    }

    private SentFrame? Find(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination)
    {
        int id = BinaryPrimitives.ReadUInt16BigEndian(destination[2..]);
        return BinaryPrimitives.ReadUInt32BigEndian(source) == SourceMark && BinaryPrimitives.ReadUInt16BigEndian(destination) == DestinationMark && id < _frames.Count
            ? _frames[id]
            : null;
    }
}
