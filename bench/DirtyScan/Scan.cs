using VhostNet.VhostUser.Memory;

namespace VhostNet.DirtyScan;

/// <summary>A dirty bitmap and two ways to find what is dirty in it. Both return the same sum over the dirty ranges, so that neither can skip its work.</summary>
internal sealed class Scan(DirtyBitmap bitmap)
{
    /// <summary>Fills a bitmap with runs of dirty pages at random places until about a share of it is dirty.</summary>
    public static Scan Fill(long pages, double share, int run)
    {
        var bitmap = new DirtyBitmap(pages);
        var random = new Random(1);
        for (long i = (long)(pages * share / run); i >= 0; i--)
        {
            bitmap.Set(random.NextInt64(pages - run), run);
        }

        return new Scan(bitmap);
    }

    /// <summary>Asks for each page.</summary>
    public long PageByPage()
    {
        long sum = 0;
        for (long page = 0; page < bitmap.PageCount; page++)
        {
            if (bitmap[page])
            {
                long start = page;
                while (page + 1 < bitmap.PageCount && bitmap[page + 1])
                {
                    page++;
                }

                sum += start ^ (page - start + 1);
            }
        }

        return sum;
    }

    /// <summary>Asks for ranges, which are found 64 pages a step.</summary>
    public long RangeByRange()
    {
        long sum = 0;
        for (long from = 0; bitmap.TryFindRange(from, out long start, out long count); from = start + count)
        {
            sum += start ^ count;
        }

        return sum;
    }
}
