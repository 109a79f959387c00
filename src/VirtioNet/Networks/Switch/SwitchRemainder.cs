using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// What is left to do of frames that some of their receivers have already when a turn's budget is spent. Their source keeps these frames and comes again with
/// them; they are judged anew then, and go to those receivers only that still lack them. Used by the queue's data thread only.
/// </summary>
internal sealed class SwitchRemainder
{
    /// <summary>Stands for the mirror in <see cref="CutSlot"/>.</summary>
    public const int MirrorSlot = int.MaxValue;

    private const int WordsPerBurst = FrameBurst.FramesMax / 64;

    private readonly ulong[] _copies = new ulong[WordsPerBurst];
    private ulong[] _frames = [];
    private long _length;
    private bool _any;

    /// <summary>How many of the next burst's first frames this is about; 0 when nothing is left.</summary>
    public int Count { get; private set; }

    /// <summary>The receiver that some segments of its first frame were given to, and not all; -1 when it is not known.</summary>
    public int CutSlot { get; private set; } = -1;

    /// <summary>The copies that the mirror still lacks.</summary>
    public ReadOnlySpan<ulong> Copies => _copies;

    /// <summary>Begins to note what is left of the first <paramref name="count"/> frames.</summary>
    /// <param name="burst">The burst.</param>
    /// <param name="count">Their number.</param>
    /// <param name="cutSlot">The receiver that was stopped at.</param>
    /// <param name="copies">The copies for the mirror.</param>
    public void Begin(FrameBurst burst, int count, int cutSlot, ReadOnlySpan<ulong> copies)
    {
        Clear();
        _length = burst.LengthOf(burst.AllFrames[..count]);
        Count = count;
        CutSlot = cutSlot;
        copies.CopyTo(_copies);
    }

    /// <summary>True when a burst begins with frames like those that this is about.</summary>
    public bool Matches(FrameBurst burst) => burst.Count >= Count && burst.LengthOf(burst.AllFrames[..Count]) == _length;

    /// <summary>Notes a receiver's frames.</summary>
    public void Add(int slot, ReadOnlySpan<ulong> frames)
    {
        frames.CopyTo(_frames.AsSpan(slot * WordsPerBurst, WordsPerBurst));
        _any = true;
    }

    /// <summary>Takes those of a receiver's frames away that it has already.</summary>
    public void Limit(int slot, Span<ulong> frames)
    {
        ReadOnlySpan<ulong> left = _frames.AsSpan(slot * WordsPerBurst, WordsPerBurst);
        for (int i = 0; i < WordsPerBurst; i++)
        {
            frames[i] &= left[i];
        }
    }

    /// <summary>Nothing is left.</summary>
    public void Clear()
    {
        Count = 0;
        CutSlot = -1;
        if (_any)
        {
            Array.Clear(_frames);
            _any = false;
        }
    }

    // Allocates: when the switch has more ports than ever before.
    public void Grow(int slots) => Array.Resize(ref _frames, slots * WordsPerBurst);
}
