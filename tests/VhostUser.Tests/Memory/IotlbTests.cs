using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Tests.Backend;

namespace VhostNet.VhostUser.Tests.Memory;

public sealed class IotlbTests : IDisposable
{
    private readonly GuestMemory _guest = new();
    private readonly MemoryTable _memory;

    public IotlbTests()
    {
        var region = MemoryRegion.Map(new MemoryRegionDescription(0, (ulong)_guest.Size, GuestMemory.UserBase, 0), _guest.File.Duplicate(), SealPolicy.Off);
        _memory = new MemoryTable([region]);
        region.Release();
    }

    public void Dispose()
    {
        _memory.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public void RandomUpdatesAndInvalidationsMatchAPageByPageModel()
    {
        var random = new Random(7);
        var iotlb = new Iotlb();
        var model = new Dictionary<ulong, (ulong User, bool Write)>();
        for (int round = 0; round < 3000; round++)
        {
            ulong page = (ulong)random.Next(64);
            ulong pages = (ulong)random.Next(1, 9);
            ulong target = (ulong)random.Next(240);
            bool write = random.Next(2) == 0;
            bool update = random.Next(3) != 0;
            if (update)
            {
                Assert.True(iotlb.Update(new IotlbEntry(page << 12, pages << 12, GuestMemory.UserBase + (target << 12), (byte)(write ? 3 : 1))));
            }
            else
            {
                iotlb.Invalidate(page << 12, pages << 12);
            }

            for (ulong i = 0; i < pages; i++)
            {
                if (update)
                {
                    model[page + i] = (target + i, write);
                }
                else
                {
                    model.Remove(page + i);
                }
            }

            AddressSpace space = iotlb.GetSpace(_memory);
            for (ulong p = 0; p < 80; p++)
            {
                bool found = space.TryFind((p << 12) + 5, out MemoryWindow window);
                Assert.Equal(model.ContainsKey(p), found);
                if (found)
                {
                    Assert.True(window.TryTranslate((p << 12) + 5, 1, out nint host));
                    Assert.Equal(model[p].Write, window.Writable);
                    Assert.Equal(_memory.Regions[0].HostBase + (nint)(model[p].User << 12) + 5, host);
                }
            }
        }
    }

    [Fact]
    public void PagesThatFollowEachOtherAreOneWindow()
    {
        var iotlb = new Iotlb();
        for (ulong i = 8; i-- > 0;)
        {
            iotlb.Update(new IotlbEntry(0x10_0000 + (i << 12), 4096, GuestMemory.UserBase + (i << 12), 3));
        }

        Assert.Single(iotlb.GetSpace(_memory).Windows);
        Assert.Same(iotlb.GetSpace(_memory), iotlb.GetSpace(_memory));
    }

    [Fact]
    public void test_regression_ranges_that_overflow_or_leave_memory_translate_nothing()
    {
        var iotlb = new Iotlb();
        Assert.False(iotlb.Update(new IotlbEntry(0, 0, GuestMemory.UserBase, 3)));
        Assert.False(iotlb.Update(new IotlbEntry(ulong.MaxValue, 2, GuestMemory.UserBase, 3)));
        Assert.False(iotlb.Update(new IotlbEntry(0, 4096, ulong.MaxValue - 5, 3)));
        Assert.True(iotlb.Update(new IotlbEntry(0x1000, 1UL << 40, GuestMemory.UserBase + (ulong)_guest.Size - 4096, 3)));
        AddressSpace space = iotlb.GetSpace(_memory);
        Assert.True(space.TryTranslate(0x1000, 4096, out _));
        Assert.False(space.TryTranslate(0x1000, 4097, out _));
        Assert.True(iotlb.Update(new IotlbEntry(0x1000, 4096, GuestMemory.UserBase, 0)));
        Assert.False(iotlb.GetSpace(_memory).TryTranslate(0x1000, 1, out _));
        iotlb.Invalidate(0, ulong.MaxValue);
        Assert.DoesNotContain(iotlb.Entries, e => e.IoAddress != ulong.MaxValue);
    }

    [Fact]
    public void test_regression_entries_that_span_many_regions_do_not_multiply_without_bound()
    {
        // 509 regions of a page each, neighbours for the front end, and translations of all of them under thousands of addresses.
        var regions = new List<MemoryRegion>();
        for (ulong i = 0; i < MemoryTable.RegionsMax; i++)
        {
            regions.Add(MemoryRegion.Map(
                new MemoryRegionDescription(i << 20, 4096, GuestMemory.UserBase + (i << 12), 0), _guest.File.Duplicate(), SealPolicy.Off));
        }

        using var memory = new MemoryTable(regions);
        regions.ForEach(r => r.Release());
        var iotlb = new Iotlb();
        ulong last = 0;
        for (ulong i = 0; i < Iotlb.EntriesMax; i++)
        {
            last = i << 32;
            iotlb.Update(new IotlbEntry(last, (ulong)MemoryTable.RegionsMax << 12, GuestMemory.UserBase, 3));
        }

        AddressSpace space = iotlb.GetSpace(memory);
        Assert.InRange(space.Windows.Count, Iotlb.WindowsMax / 2, Iotlb.WindowsMax + MemoryTable.RegionsMax);
        Assert.True(space.TryFind(last, out _), "the newest translation is there");
        Assert.False(space.TryFind(0, out _), "the oldest has made room");
    }

    [Fact]
    public void ItDoesNotGrowWithoutBound()
    {
        var iotlb = new Iotlb();
        for (ulong i = 0; i < Iotlb.EntriesMax + 100; i++)
        {
            iotlb.Update(new IotlbEntry(i << 16, 8192, GuestMemory.UserBase, 3));
        }

        for (ulong i = 0; i < Iotlb.EntriesMax + 100; i++)
        {
            iotlb.Invalidate((i << 16) + 4096, 1);
        }

        Assert.Equal(Iotlb.EntriesMax, iotlb.Entries.Count);
    }
}
