using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues.Tracking;

/// <summary>
/// One ring's marks in the dirty log, collected per word of 64 pages and set with one atomic operation each ("Migration" in the vhost-user specification).
/// Used under the ring's lock. Marks outside the log are counted and dropped: the front end chose the log's size and the ring's log address.
/// </summary>
internal sealed class DirtyLog(DirtyLogArea area) : IDirtyLog
{
    private const int CacheSize = 32;

    private readonly long[] _words = new long[CacheSize];
    private readonly ulong[] _masks = new ulong[CacheSize];
    private int _count;

    /// <summary>The shared log.</summary>
    public DirtyLogArea Area { get; } = area;

    /// <summary>Marks that lay outside the log.</summary>
    public long OutOfRange { get; private set; }

    /// <inheritdoc/>
    public void Mark(ulong address, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        ulong end = address + (length - 1);
        ulong first = address >> DirtyLogArea.PageShift;
        ulong last = end >> DirtyLogArea.PageShift;
        if (end < address || last >= Area.PageCount)
        {
            OutOfRange++;
            if (end < address || first >= Area.PageCount)
            {
                return;
            }

            last = Area.PageCount - 1;
        }

        while (true)
        {
            long word = Area.Locate(first, out int bit);
            ulong pages = Math.Min(last - first + 1, (ulong)(64 - bit));
            Add(word, (pages == 64 ? ulong.MaxValue : (1UL << (int)pages) - 1) << bit);
            if (last - first < pages)
            {
                return;
            }

            first += pages;
        }
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (_count == 0)
        {
            return;
        }

        // Our writes to guest memory come before the look at the bits: pairs with the front end's atomic exchange, after which it reads the page.
        Interlocked.MemoryBarrier();
        for (int i = 0; i < _count; i++)
        {
            Area.Set(_words[i], _masks[i]);
        }

        _count = 0;
        Area.Notifier?.Set();
    }

    private void Add(long word, ulong mask)
    {
        // A burst's marks are mostly neighbours of the last one.
        for (int i = _count - 1; i >= 0; i--)
        {
            if (_words[i] == word)
            {
                _masks[i] |= mask;
                return;
            }
        }

        if (_count == CacheSize)
        {
            Flush();
        }

        _words[_count] = word;
        _masks[_count++] = mask;
    }
}
