using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Tests.Backend;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Tests.Memory;

public sealed class DirtyLogTests
{
    [Theory]
    [InlineData(0u)]
    [InlineData(8u)]
    [InlineData(3u)]
    [InlineData(4093u)]
    public void MarksAreTheBitsOfTheirPagesWhereverTheLogStarts(uint offset)
    {
        using var file = new GuestMemory();
        using DirtyLogArea area = DirtyLogArea.Map(file.File.Duplicate(), 1000, offset);
        var log = new DirtyLog(area);
        var random = new Random(4);
        bool[] expected = new bool[8000];
        for (int i = 0; i < 2000; i++)
        {
            ulong address = (ulong)random.NextInt64(8000L << 12);
            ulong length = (ulong)random.Next(1, 300_000);
            log.Mark(address, length);
            for (ulong page = address >> 12; page <= (address + length - 1) >> 12 && page < 8000; page++)
            {
                expected[page] = true;
            }

            if (i % 7 == 0)
            {
                log.Flush();
                CheckEqual(expected, file, offset);
                file.Mapping.AsSpan().Clear();
                Array.Clear(expected);
            }
        }
    }

    [Fact]
    public void NothingIsVisibleBeforeTheFlushAndNeighboursCostOneOperation()
    {
        using var file = new GuestMemory();
        using DirtyLogArea area = DirtyLogArea.Map(file.File.Duplicate(), 64, 0);
        var log = new DirtyLog(area);
        log.Mark(0x1000, 1);
        log.Mark(0x3fff, 2);
        Assert.Equal(0, file.Mapping.AsSpan()[0]);
        log.Flush();
        Assert.Equal(0b11010, file.Mapping.AsSpan()[0]);
    }

    [Theory]
    [InlineData(512UL << 12, 1UL)]
    [InlineData(ulong.MaxValue, 1UL)]
    [InlineData(ulong.MaxValue - 10, 100UL)]
    [InlineData(511UL << 12, 0x1001UL)]
    public void test_regression_cve_2020_10722_marks_past_the_log_are_dropped(ulong address, ulong length)
    {
        using var file = new GuestMemory(4096);
        using DirtyLogArea area = DirtyLogArea.Map(file.File.Duplicate(), 64, 0);
        var log = new DirtyLog(area);
        log.Mark(address, length);
        log.Flush();
        Assert.Equal(1, log.OutOfRange);
        Assert.Equal(-1, file.Mapping.AsSpan()[64..].IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(4097UL, 0UL)]
    [InlineData(64UL, 4096UL)]
    [InlineData(ulong.MaxValue, 1UL)]
    [InlineData(1UL, ulong.MaxValue)]
    public void test_regression_log_size_and_offset_are_checked_against_the_file(ulong size, ulong offset)
    {
        using var file = new GuestMemory(4096);
        Assert.Throws<GuestMemoryException>(() => DirtyLogArea.Map(file.File.Duplicate(), size, offset));
    }

    [Theory]
    [InlineData(DirtyLogArea.MappedBytesMax + 1, 0UL)]
    [InlineData(64UL, DirtyLogArea.MappedBytesMax)]
    public void test_regression_a_sparse_log_does_not_take_the_address_space_of_others(ulong size, ulong offset)
    {
        using FileDescriptor sparse = FileDescriptor.FromResult(memfd_create("sparse", MFD_CLOEXEC), "memfd_create");
        Assert.Equal(0, ftruncate(sparse.Value, (long)DirtyLogArea.MappedBytesMax * 4));
        Assert.Throws<GuestMemoryException>(() => DirtyLogArea.Map(sparse.Duplicate(), size, offset));
    }

    [Fact]
    public void TwoThreadsLoseNoMarks()
    {
        using var file = new GuestMemory();
        using DirtyLogArea area = DirtyLogArea.Map(file.File.Duplicate(), 4096, 0);
        var taken = new DirtyBitmap((long)area.PageCount);
        bool done = false;
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                taken.TakeFrom(area);
            }
        });
        reader.Start();
        Parallel.For(0, 2, thread =>
        {
            var log = new DirtyLog(area);
            for (ulong page = (ulong)thread; page < area.PageCount; page += 2)
            {
                log.Mark(page << 12, 1);
                if (page % 5 == 0)
                {
                    log.Flush();
                }
            }

            log.Flush();
        });
        Volatile.Write(ref done, true);
        reader.Join();
        taken.TakeFrom(area);
        Assert.True(taken.TryFindRange(0, out long start, out long count));
        Assert.Equal((0L, (long)area.PageCount), (start, count));
    }

    private static void CheckEqual(bool[] expected, GuestMemory file, uint offset)
    {
        for (int page = 0; page < expected.Length; page++)
        {
            bool actual = (file.Mapping.AsSpan()[(int)offset + (page / 8)] >> (page % 8) & 1) != 0;
            Assert.True(expected[page] == actual, $"page {page} is {(actual ? "dirty" : "clean")}");
        }

        Assert.Equal(-1, file.Mapping.AsSpan()[..(int)offset].IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, file.Mapping.AsSpan()[((int)offset + 1000)..].IndexOfAnyExcept((byte)0));
    }
}
