using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Tests.Memory;

public sealed class DirtyBitmapTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void RangesAreWhatAskingPageByPageFinds(int pages)
    {
        var random = new Random(pages);
        for (int round = 0; round < 200; round++)
        {
            var bitmap = new DirtyBitmap(pages);
            bool[] expected = new bool[pages];
            for (int i = 0; i < 4; i++)
            {
                int start = random.Next(pages);
                int count = random.Next(0, pages - start + 1);
                bool set = random.Next(3) != 0;
                Array.Fill(expected, set, start, count);
                if (set)
                {
                    bitmap.Set(start, count);
                }
                else
                {
                    bitmap.Clear(start, count);
                }
            }

            bool[] actual = new bool[pages];
            long from = 0;
            while (bitmap.TryFindRange(from, out long start, out long count))
            {
                Assert.True(start >= from && count > 0);
                Assert.False(start > 0 && bitmap[start - 1] && start != from);
                Assert.False(bitmap[start + count]);
                Array.Fill(actual, true, (int)start, (int)count);
                from = start + count;
            }

            Assert.Equal(expected, actual);
            Assert.Equal(expected, Enumerable.Range(0, pages).Select(p => bitmap[p]));
        }
    }

    [Fact]
    public void ARangeOutsideIsRefused()
    {
        var bitmap = new DirtyBitmap(100);
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.Set(99, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => bitmap.Set(long.MaxValue, 1));
        Assert.False(bitmap.TryFindRange(100, out _, out _));
        Assert.False(bitmap.TryFindRange(long.MaxValue, out _, out _));
    }
}
