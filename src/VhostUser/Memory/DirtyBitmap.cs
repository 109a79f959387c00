using System.Numerics;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// A private bitmap of dirty pages whose scan yields ranges, as long as they are, 64 pages a step. Asking page by page costs a call and a bit test for each
/// of the mostly clean pages; here a word of clean pages is one comparison. One thread.
/// </summary>
/// <param name="pageCount">Pages that it has a bit for.</param>
internal sealed class DirtyBitmap(long pageCount)
{
    private readonly ulong[] _words = new ulong[checked((int)((pageCount + 63) / 64))];

    /// <summary>Pages that it has a bit for.</summary>
    public long PageCount { get; } = pageCount;

    /// <summary>Whether a page is dirty.</summary>
    public bool this[long page] => (ulong)page < (ulong)PageCount && (_words[page >> 6] >> (int)(page & 63) & 1) != 0;

    /// <summary>Marks pages dirty.</summary>
    public void Set(long page, long count) => Update(page, count, set: true);

    /// <summary>Marks pages clean.</summary>
    public void Clear(long page, long count) => Update(page, count, set: false);

    /// <summary>Finds the next range of dirty pages.</summary>
    /// <param name="from">First page to look at.</param>
    /// <param name="start">First dirty page.</param>
    /// <param name="count">Dirty pages from there on, up to the next clean one.</param>
    /// <returns>False when there is none.</returns>
    public bool TryFindRange(long from, out long start, out long count)
    {
        count = 0;
        start = FindNext(Math.Max(from, 0), inverted: 0);
        if (start >= PageCount)
        {
            return false;
        }

        count = Math.Min(FindNext(start, inverted: ulong.MaxValue), PageCount) - start;
        return true;
    }

    /// <summary>Moves the bits of a shared dirty log over here: atomically taken there, added here.</summary>
    /// <returns>Pages that were dirty in the log.</returns>
    public long TakeFrom(DirtyLogArea area)
    {
        ArgumentNullException.ThrowIfNull(area);
        long pages = Math.Min((long)area.PageCount, PageCount);
        long taken = 0;
        for (long page = 0; page < pages;)
        {
            long word = area.Locate((ulong)page, out int bit);
            ulong bits = area.Take(word) >> bit;
            long here = Math.Min(64 - bit, pages - page);
            if (bits != 0)
            {
                taken += BitOperations.PopCount(bits);
                Merge(page, bits);
            }

            page += here;
        }

        return taken;
    }

    private void Merge(long page, ulong bits)
    {
        int shift = (int)(page & 63);
        _words[page >> 6] |= bits << shift;
        if (shift != 0 && (page >> 6) + 1 < _words.Length)
        {
            _words[(page >> 6) + 1] |= bits >> (64 - shift);
        }
    }

    /// <summary>The first set bit from a page on, in the bitmap or, with all ones, in its complement.</summary>
    private long FindNext(long page, ulong inverted)
    {
        int index = (int)Math.Min(page >> 6, _words.Length);
        if (index == _words.Length)
        {
            return PageCount;
        }

        ulong word = (_words[index] ^ inverted) & (ulong.MaxValue << (int)(page & 63));
        while (word == 0)
        {
            if (++index == _words.Length)
            {
                return PageCount;
            }

            word = _words[index] ^ inverted;
        }

        return ((long)index << 6) + BitOperations.TrailingZeroCount(word);
    }

    private void Update(long page, long count, bool set)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(page);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, PageCount - page);
        while (count > 0)
        {
            int bit = (int)(page & 63);
            int here = (int)Math.Min(count, 64 - bit);
            ulong mask = (here == 64 ? ulong.MaxValue : (1UL << here) - 1) << bit;
            ref ulong word = ref _words[page >> 6];
            word = set ? word | mask : word & ~mask;
            page += here;
            count -= here;
        }
    }
}
