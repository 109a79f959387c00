namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>Frames of every kind that offloads concern, and ways to lay them out, from a seeded generator.</summary>
internal sealed class RandomFrames(int seed)
{
    private readonly Random _random = new(seed);

    public int Next(int least, int below) => _random.Next(least, below);

    public byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        _random.NextBytes(bytes);
        return bytes;
    }

    public FrameBuilder Frame(int payload)
    {
        bool ipv6 = _random.Next(2) == 0;
        return new FrameBuilder
        {
            IPv6 = ipv6,
            Tcp = _random.Next(2) == 0,
            Options = _random.Next(3),
            TcpOptions = _random.Next(11),
            TcpFlags = (byte)_random.Next(256),
            Sequence = (uint)_random.NextInt64(),
            Identification = (ushort)_random.Next(65536),
            Tags = [.. new (ushort, ushort)[] { (0x88a8, 3), (0x8100, 9) }.Take(_random.Next(3))],
            SourceAddress = Bytes(ipv6 ? 16 : 4),
            DestinationAddress = Bytes(ipv6 ? 16 : 4),
            Payload = Bytes(payload),
        };
    }

    /// <summary>Lengths of up to 11 pieces, short and long ones.</summary>
    public int[] Pieces()
    {
        int[] pieces = new int[_random.Next(12)];
        for (int i = 0; i < pieces.Length; i++)
        {
            pieces[i] = _random.Next(1, _random.Next(2) == 0 ? 40 : 4000);
        }

        return pieces;
    }
}
