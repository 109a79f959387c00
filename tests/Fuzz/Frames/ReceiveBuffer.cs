using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Frames;

/// <summary>A receive buffer: one chain of writable pieces, which lie apart from each other.</summary>
internal sealed class ReceiveBuffer
{
    private readonly Playground _memory;

    public ReceiveBuffer(Random random, Playground memory, int length, int pieces)
    {
        _memory = memory;
        Length = length;
        Pieces = new GuestBuffer[Math.Min(pieces, length)];
        int left = length;
        for (int i = 0; i < Pieces.Length; i++)
        {
            int rest = Pieces.Length - i - 1;
            int size = rest == 0 ? left : random.OneIn(4) ? Math.Min(left - rest, random.Next(1, 16)) : random.Next(1, left - rest + 1);
            left -= size;
            Pieces[i] = new GuestBuffer(memory.Take(size, random.Next(16)), (uint)size, true);
        }
    }

    public GuestBuffer[] Pieces { get; }

    public int Length { get; }

    /// <summary>Takes over what the device wrote: the first bytes, as many as it stated.</summary>
    public byte[] Accept(int length)
    {
        byte[] bytes = new byte[length];
        int at = 0;
        foreach (GuestBuffer piece in Pieces)
        {
            int here = Math.Min((int)piece.Length, length - at);
            _memory.Accept(piece.Address, here);
            _memory.Accepted(piece.Address, here).CopyTo(bytes.AsSpan(at));
            at += here;
        }

        return bytes;
    }
}
