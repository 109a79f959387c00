using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Frames;

/// <summary>
/// A part of a guest's memory of which every byte is known: a shadow holds what it must contain. Two regions that follow each other in the guest, and lie apart in
/// this process, so that buffers may span both. Whatever the device writes without being allowed to shows up as a difference.
/// </summary>
internal sealed class Playground
{
    /// <summary>Left alone at both ends.</summary>
    private const int Margin = 256;

    private static readonly byte[] s_noise = MakeNoise();

    private readonly GuestRegion[] _regions;
    private readonly byte[] _shadow;
    private readonly string _what;
    private int _taken = Margin;
    private int _dirtyStart = int.MaxValue;
    private int _dirtyEnd;

    /// <param name="memory">The guest's memory, to which the regions are added.</param>
    /// <param name="what">Whose it is, for findings.</param>
    /// <param name="start">First guest address.</param>
    /// <param name="sizes">Bytes of each region.</param>
    public Playground(GuestMemory memory, string what, ulong start, params ReadOnlySpan<int> sizes)
    {
        _what = what;
        Start = start;
        _regions = new GuestRegion[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            _regions[i] = memory.AddRegion(start, (ulong)sizes[i]);
            start += (ulong)sizes[i];
        }

        _shadow = s_noise.AsSpan(0, (int)(start - Start)).ToArray();
        ForEachPiece(Start, _shadow.Length, (actual, shadow) => shadow.CopyTo(actual));
    }

    /// <summary>Bytes that nobody would expect, as many as fit into any frame; the same in every process.</summary>
    public static ReadOnlySpan<byte> Noise => s_noise;

    /// <summary>First guest address.</summary>
    public ulong Start { get; }

    /// <summary>Bytes that are not given to anybody yet.</summary>
    public int Free => _shadow.Length - Margin - _taken;

    /// <summary>Gives the next bytes away, behind a gap that nobody gets.</summary>
    public ulong Take(int length, int gap)
    {
        if (length + gap > Free)
        {
            throw new InvalidOperationException($"{length} bytes were asked and {Free} are left");
        }

        ulong address = Start + (ulong)(_taken + gap);
        _taken += gap + length;
        return address;
    }

    /// <summary>Takes everything back.</summary>
    public void TakeBack() => _taken = Margin;

    /// <summary>As it was made: takes everything back, and what was written or accepted is noise again. Checked before.</summary>
    public void Reset()
    {
        TakeBack();
        if (_dirtyStart < _dirtyEnd)
        {
            s_noise.AsSpan(_dirtyStart, _dirtyEnd - _dirtyStart).CopyTo(_shadow.AsSpan(_dirtyStart));
            ForEachPiece(Start + (ulong)_dirtyStart, _dirtyEnd - _dirtyStart, (actual, shadow) => shadow.CopyTo(actual));
        }

        (_dirtyStart, _dirtyEnd) = (int.MaxValue, 0);
    }

    /// <summary>The guest itself writes.</summary>
    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        byte[] source = bytes.ToArray();
        int at = 0;
        Soil(address, bytes.Length);
        ForEachPiece(address, bytes.Length, (actual, shadow) =>
        {
            ReadOnlySpan<byte> piece = source.AsSpan(at, actual.Length);
            piece.CopyTo(actual);
            piece.CopyTo(shadow);
            at += actual.Length;
        });
    }

    /// <summary>Whatever lies there now is as it should be: the device was allowed to write it, or somebody else did.</summary>
    public void Accept(ulong address, int length)
    {
        Soil(address, length);
        ForEachPiece(address, length, (actual, shadow) => actual.CopyTo(shadow));
    }

    /// <summary>What lies there according to the shadow.</summary>
    public ReadOnlySpan<byte> Accepted(ulong address, int length) => _shadow.AsSpan((int)(address - Start), length);

    /// <exception cref="FuzzException">A byte was written that the device may not write.</exception>
    public void Check() => ForEachPiece(Start, _shadow.Length, (actual, shadow) =>
    {
        if (!actual.SequenceEqual(shadow))
        {
            int at = actual.CommonPrefixLength(shadow);
            throw new FuzzException($"{_what}: a byte was written that no descriptor allows, or behind the length that was stated: 0x{shadow[at]:x2} became 0x{actual[at]:x2}");
        }
    });

    private void Soil(ulong address, int length)
    {
        int start = (int)(address - Start);
        _dirtyStart = Math.Min(_dirtyStart, start);
        _dirtyEnd = Math.Max(_dirtyEnd, start + length);
    }

    private void ForEachPiece(ulong address, int length, Piece action)
    {
        while (length > 0)
        {
            GuestRegion region = Array.Find(_regions, r => address - r.GuestAddress < r.Size)
                ?? throw new ArgumentOutOfRangeException(nameof(address), $"0x{address:x} is outside of the playground");
            ulong offset = address - region.GuestAddress;
            int here = (int)Math.Min((ulong)length, region.Size - offset);
            action(region.Bytes(offset, here), _shadow.AsSpan((int)(address - Start), here));
            address += (ulong)here;
            length -= here;
        }
    }

    private static byte[] MakeNoise()
    {
        byte[] noise = new byte[2 << 20];
        new Random(1).NextBytes(noise);
        return noise;
    }

    private delegate void Piece(Span<byte> actual, Span<byte> shadow);
}
