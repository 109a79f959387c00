namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// A datagram whose fragments arrive in any order. Each byte is taken once: fragments that overlap are an attack or a fault (RFC 5722), never a retransmission
/// in other pieces.
/// </summary>
internal sealed class FragmentedDatagram
{
    /// <summary>Room for the header of the whole packet before its payload.</summary>
    public const int HeaderRoom = 40;

    /// <summary>Longest payload.</summary>
    public const int PayloadMax = 65_535 - 20;

    private const int Unit = 8;

    private readonly byte[] _bytes = new byte[HeaderRoom + PayloadMax];
    private readonly ulong[] _have = new ulong[(PayloadMax / Unit / 64) + 1];
    private int _units;
    private int _end;
    private int _total;

    /// <summary>Whose it is.</summary>
    public FragmentKey Key { get; private set; }

    /// <summary>When its first fragment came.</summary>
    public long BegunNs { get; private set; }

    /// <summary>Fragments that came; 0 when it is nobody's.</summary>
    public int Count { get; private set; }

    /// <summary>True when nothing is missing.</summary>
    public bool IsWhole => _total >= 0 && _units == (_total + Unit - 1) / Unit;

    /// <summary>Bytes of the payload, once it is whole.</summary>
    public int Length => _total;

    /// <summary>The room for a header of so many bytes and the payload behind it.</summary>
    public Span<byte> Packet(int headerSize) => _bytes.AsSpan(HeaderRoom - headerSize, headerSize + _total);

    /// <summary>Begins with a datagram of which nothing is there.</summary>
    public void Begin(in FragmentKey key, long nowNs)
    {
        Key = key;
        BegunNs = nowNs;
        Count = 0;
        _units = 0;
        _end = 0;
        _total = -1;
        Array.Clear(_have);
    }

    /// <summary>Nobody's any more.</summary>
    public void End() => Count = 0;

    /// <summary>Takes a fragment.</summary>
    /// <param name="offset">Where it begins, in bytes; a multiple of 8.</param>
    /// <param name="data">Its bytes: one at least, and a multiple of 8 unless it is the last.</param>
    /// <param name="isLast">Whether the datagram ends with it.</param>
    /// <returns>False when it overlaps another one or contradicts where the datagram ends. The very same piece again is taken for the same.</returns>
    public bool TryAdd(int offset, ReadOnlySpan<byte> data, bool isLast)
    {
        int end = offset + data.Length;
        if ((isLast && (end < _end || (_total >= 0 && _total != end))) || (!isLast && _total >= 0 && end > _total))
        {
            return false;
        }

        int first = offset / Unit;
        int units = (data.Length + Unit - 1) / Unit;
        int known = 0;
        for (int i = first; i < first + units; i++)
        {
            known += (int)((_have[i / 64] >> (i % 64)) & 1);
        }

        if (known != 0)
        {
            return known == units && data.SequenceEqual(_bytes.AsSpan(HeaderRoom + offset, data.Length));
        }

        for (int i = first; i < first + units; i++)
        {
            _have[i / 64] |= 1UL << (i % 64);
        }

        data.CopyTo(_bytes.AsSpan(HeaderRoom + offset));
        _units += units;
        _end = Math.Max(_end, end);
        _total = isLast ? end : _total;
        Count++;
        return true;
    }
}
