using System.Buffers.Binary;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.InProcess;

/// <summary>A set of frames that a guest sends again and again.</summary>
internal sealed class FrameSender
{
    private readonly BenchGuest _guest;
    private readonly GuestBuffer[][] _chains;
    private readonly GuestBuffer[]? _single;
    private readonly bool _indirect;

    /// <summary>Lays the frames out in guest memory.</summary>
    /// <param name="guest">The sender.</param>
    /// <param name="shape">How large they are and how many descriptors they have.</param>
    /// <param name="fill">Writes the frame of a number, header first.</param>
    public FrameSender(BenchGuest guest, GuestShape shape, Action<int, Span<byte>> fill)
    {
        _guest = guest;
        _indirect = shape.Indirect;
        _chains = new GuestBuffer[shape.InFlight][];
        uint length = (uint)(shape.FrameSize + BenchGuest.HeaderSize);
        for (int i = 0; i < _chains.Length; i++)
        {
            ulong address = guest.Take(length);
            fill(i, guest.Memory.Bytes(address, (int)length));
            _chains[i] = Cut(address, length, shape.TxDescriptors);
        }

        _single = shape.TxDescriptors == 1 && !shape.Indirect ? [.. _chains.Select(c => c[0])] : null;
    }

    /// <summary>Offers all frames; returns how many.</summary>
    public int Offer()
    {
        if (_single is not null)
        {
            _guest.Tx.AddBatch(_single);
        }
        else
        {
            foreach (GuestBuffer[] chain in _chains)
            {
                _guest.Tx.Add(chain, 0, _indirect);
            }
        }

        _guest.Tx.Publish();
        return _chains.Length;
    }

    /// <summary>Gives a frame another source address.</summary>
    public void SetSource(int frame, ulong address)
    {
        Span<byte> bytes = _guest.Memory.Bytes(_chains[frame][0].Address + BenchGuest.HeaderSize + 6, 6);
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(address >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)address);
    }

    /// <summary>The header in a descriptor of its own, the frame in the others.</summary>
    private static GuestBuffer[] Cut(ulong address, uint length, int descriptors)
    {
        if (descriptors == 1)
        {
            return [new GuestBuffer(address, length, false)];
        }

        var parts = new List<GuestBuffer> { new(address, BenchGuest.HeaderSize, false) };
        address += BenchGuest.HeaderSize;
        length -= BenchGuest.HeaderSize;
        for (int left = descriptors - 1; left > 0; left--)
        {
            uint part = length / (uint)left;
            parts.Add(new GuestBuffer(address, part, false));
            address += part;
            length -= part;
        }

        return [.. parts];
    }
}
